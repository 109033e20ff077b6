#include "bench/verdict/calibrate.hpp"

#include <algorithm>
#include <cmath>

namespace netstall {
namespace {

double reach(const Interval& interval) {
  return std::max(std::abs(interval.low), std::abs(interval.high));
}

// Nothing where the comparison found no interval, or the edges of windows had a say in it:
// what they cut scatters less than what it is cut of.
std::optional<SmallestChange> floor_of(const MetricComparison& comparison) {
  if (!comparison.difference_interval) return std::nullopt;
  if (comparison.a.is_lower_bound() || comparison.b.is_lower_bound()) return std::nullopt;
  SmallestChange floor;
  floor.absolute = reach(*comparison.difference_interval);
  if (comparison.ratio_interval) {
    const auto& ratio = *comparison.ratio_interval;
    floor.relative = std::expm1(reach({std::log(ratio.low), std::log(ratio.high)}));
  }
  return floor;
}

}  // namespace

std::vector<NoiseFloor> noise_floors(const Comparison& a_against_a) {
  std::vector<NoiseFloor> floors;
  for (const auto& cell : a_against_a.cells) {
    for (const auto& comparison : cell.metrics) {
      const auto floor = floor_of(comparison);
      if (!floor) continue;
      auto known = std::find_if(floors.begin(), floors.end(), [&](const NoiseFloor& candidate) {
        return candidate.metric == comparison.metric;
      });
      if (known == floors.end()) {
        floors.push_back({comparison.metric, *floor, cell.id, comparison.flow});
        continue;
      }
      if (floor->relative > known->floor.relative) {
        known->cell = cell.id;
        known->flow = comparison.flow;
      }
      known->floor.relative = std::max(known->floor.relative, floor->relative);
      known->floor.absolute = std::max(known->floor.absolute, floor->absolute);
    }
  }
  return floors;
}

std::map<std::string, SmallestChange> smallest_changes(const std::vector<NoiseFloor>& floors) {
  std::map<std::string, SmallestChange> changes;
  for (const auto& [metric, floor, cell, flow] : floors) {
    // 0: no ratio could be told anywhere.
    changes[metric->name] = {floor.relative > 0 ? floor.relative : metric->smallest_relative,
                             metric->yes_no ? floor.absolute : metric->smallest_absolute};
  }
  return changes;
}

}  // namespace netstall
