// One metric of two arms: first what the samples say by themselves (measure), then,
// once it is known how many metrics are tested together, the verdict (decide).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/verdict/compare.hpp"
#include "bench/verdict/comparison.hpp"
#include "bench/verdict/rank_sum.hpp"
#include "bench/verdict/samples.hpp"

namespace netstall {

// The change of the logarithm within which nothing matters: down is negative, and
// minus infinity where even a fall to 0 is too small to matter.
struct Indifference {
  double down = 0;
  double up = 0;
};

// What the samples of one metric say.
struct Measured {
  enum class Kind : std::uint8_t {
    missing,    // some repetition lacks the value, or a side has none
    same,       // one value in every repetition of both
    counted,    // a yes or no in each repetition
    one_sided,  // one side has only zeros
    shifted     // all else
  };
  Kind kind = Kind::missing;
  MetricComparison comparison;  // its verdict not yet made
  double p = 1;
  double smallest_p = 1;  // that these values can have in any order of arms
  double floor = 1;       // that any values can have with so many repetitions
  Shift log_shift;        // shifted: of log(x + resolution)
  Indifference indifference;
  double typical = 0;  // one_sided: the median of what is not 0
  double largest = 0;  // one_sided
};

// Values of one arm beside the index of their repetitions.
struct ArmValues {
  const SampleRow* row = nullptr;
  const std::vector<std::uint32_t>* indices = nullptr;
};

// Nothing where neither side has a single value: there is nothing to compare.
std::optional<Measured> measure(const ArmValues& a, const ArmValues& b,
                                const CompareOptions& options, RankTests& tests);

// Makes the verdict of `measured.comparison`, whose q is set, among so many tests.
void decide(Measured& measured, std::uint64_t tests, const CompareOptions& options);

}  // namespace netstall
