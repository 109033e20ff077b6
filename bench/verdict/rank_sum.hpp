// Exact rank tests of two arms, and the shift between them: Mann and Whitney's of
// two sittings, and the permutation within blocks of an interleaved experiment.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "bench/verdict/rank_distribution.hpp"
#include "bench/verdict/statistics.hpp"

namespace netstall {

// Repetitions among which the arms can be exchanged: a block of an interleaved
// experiment, or two whole sittings. Both arms are there.
struct Stratum {
  std::vector<double> a;
  std::vector<double> b;
};
using Strata = std::vector<Stratum>;

std::vector<double> all_a(const Strata& strata);
std::vector<double> all_b(const Strata& strata);

// Each value less the level of its stratum, so that what drifted between blocks is
// gone (Hodges and Lehmann's alignment); rounded to 1e-10, so that equal ones tie. The
// level is the median of the stratum and its neighbours in time: that of four values
// alone one spike would move, and all comparisons with the other blocks. It does not
// know the arms, so the test stays exact, however the level moves.
Strata aligned(const Strata& strata);

// The shift of b against a: Hodges and Lehmann's estimate and its 95 % interval,
// which is absent where so few repetitions allow none.
struct Shift {
  double estimate = 0;
  std::optional<Interval> interval = {};
};

// Keeps distributions once worked out: use one object for many tests. Not
// thread-safe. p values are two-sided: twice the smaller tail, at most 1.
class RankTests {
 public:
  // A stratum of more repetitions than this, both arms together, is tested by the
  // normal approximation, ties and continuity corrected: the exact distribution
  // would take seconds to say the same.
  static constexpr std::size_t kMostForExact = 120;

  // The sum of a's ranks among all values, against all exchanges within strata. One
  // stratum: Mann and Whitney's test, as a permutation test where tied. Aligned
  // blocks: aligned ranks, over all 6^6 exchanges of six blocks of 2 + 2.
  double p_value(const Strata& strata);

  // The smallest p that these values have under any exchange.
  double smallest_p_value(const Strata& strata);

  // The median of all differences b - a, and the two of them between which Mann and
  // Whitney's distribution puts the shift (Bauer 1972).
  Shift shift(const Stratum& sittings);

  // The shift without which the sum of a's aligned ranks is what chance gives it, and
  // those with which the test does not reject at 5 %; both to 1e-6.
  Shift shift_within_blocks(const Strata& blocks);

 private:
  friend Strata aligned(const Strata& strata);
  struct Row;
  struct Ranked;
  double p_value(const Row& row);
  static double normal_p(const Ranked& ranked);
  std::shared_ptr<const RankDistribution> chosen_of(std::span<const DoubledRank> ranks,
                                                    std::size_t chosen);
  std::size_t differences_outside(std::size_t a, std::size_t b);

  std::map<std::pair<std::vector<DoubledRank>, std::size_t>,
           std::shared_ptr<const RankDistribution>>
      kept_;
};

// The smallest p that arms of a and b repetitions in two sittings, or of two each in
// so many blocks, can reach at all.
double smallest_p_of_sittings(std::uint64_t a, std::uint64_t b);
double smallest_p_of_blocks(std::uint64_t blocks);

}  // namespace netstall
