// A histogram reduced to the points that a plot can show.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/histogram.hpp"

namespace netstall {

// `value` is not exceeded by the events up to here; `above` of the curve's count are
// larger.
struct CurvePoint {
  std::uint64_t value = 0;
  std::uint64_t above = 0;
};

// The percentiles that a curve tells to a slot of the histogram.
constexpr std::array<double, 4> kCurvePercentiles{50, 90, 99, 99.9};

// A staircase: between two points the curve has the later one's value. The first
// point's `above` and the first value say how many events have that value.
struct Curve {
  std::uint64_t count = 0;
  std::uint64_t min = 0;
  double mean = 0;
  // Of kCurvePercentiles; absent with fewer than ten events beyond.
  std::array<std::optional<std::uint64_t>, kCurvePercentiles.size()> percentiles;
  std::vector<CurvePoint> points;
};

// Keeps steps of at least `decades` of the value and drops those that no plot, be
// its axis of p or of log(1 - p), could show. The last point is the largest value.
Curve curve_of(const Histogram& histogram, double decades);

}  // namespace netstall
