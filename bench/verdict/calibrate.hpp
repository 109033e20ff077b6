// What a machine can resolve: A compared with A.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/verdict/compare.hpp"
#include "bench/verdict/comparison.hpp"

namespace netstall {

// How far apart two arms of the same thing can be found: the end of the interval that
// is further from no change, the largest over cells and flow groups.
struct NoiseFloor {
  const Metric* metric = nullptr;
  SmallestChange floor;
  std::string cell;  // where it is largest
  std::string flow;
};

// The floor of each metric that has an interval somewhere, in the order of the
// comparison. What was 0 throughout has none.
std::vector<NoiseFloor> noise_floors(const Comparison& a_against_a);

// The floors as a comparison takes them: below them nothing is a verdict. The
// relative ones, beside the catalogue's absolute ones: an absolute floor of a cell
// with long stalls would hide every change in one with short ones.
std::map<std::string, SmallestChange> smallest_changes(const std::vector<NoiseFloor>& floors);

}  // namespace netstall
