#include "bench/report/curve.hpp"

#include <algorithm>
#include <cmath>

namespace netstall {
namespace {

// Smaller than a pixel on an axis of p, and of decades of 1 - p.
constexpr double kShare = 0.001;
constexpr double kTailRatio = 1.03;

double at_least_one(std::uint64_t value) {
  return static_cast<double>(std::max<std::uint64_t>(value, 1));
}

}  // namespace

Curve curve_of(const Histogram& histogram, double decades) {
  Curve curve;
  if (histogram.empty()) return curve;
  curve.count = histogram.count();
  curve.min = histogram.min().value_or(0);
  curve.mean = histogram.mean().value_or(0);
  std::transform(kCurvePercentiles.begin(), kCurvePercentiles.end(), curve.percentiles.begin(),
                 [&](double percent) { return histogram.percentile_if_resolved(percent); });
  const auto max = histogram.max().value_or(0);
  const double ratio = std::pow(10.0, decades);
  const double share = kShare * static_cast<double>(curve.count);
  std::uint64_t above = curve.count;
  std::uint64_t above_before = curve.count;  // at the last point that is kept
  double first_value = 0;                    // of the step that is being gathered
  histogram.for_each_slot([&](const Histogram::Slot& slot) {
    const double value = at_least_one(slot.lowest);
    const bool begins = first_value == 0;
    const double moved = static_cast<double>(above_before - above);
    const bool wide = !begins && value > first_value * ratio;
    const bool deep =
        moved > share || static_cast<double>(above_before) > kTailRatio * at_least_one(above);
    if (begins || (wide && deep)) {
      above_before = above;
      first_value = value;
      curve.points.emplace_back();
    }
    above -= slot.count;
    curve.points.back() = {std::min(slot.highest, max), above};
  });
  return curve;
}

}  // namespace netstall
