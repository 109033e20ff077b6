// Two arms of a scenario as one campaign: for each cell blocks of both arms, so that
// what drifts while it runs hits both.
#pragma once

#include <cstdint>
#include <vector>

#include "model/plan.hpp"
#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Plain data, once made.
struct Interleaved {
  Campaign both;  // the cells of A, then those of B; their ids begin with the arm
  Plan plan;
  std::vector<bool> warm_up;  // by the position in plan.order: to be discarded
};

// Of each cell one warm-up of each arm; then rounds of one block of each cell, cells
// in an order drawn anew for each round. The same seed gives the same order. The
// scenarios' own number of repetitions does not matter. Throws Error: usage where the
// arms have different cells, and as make_plan does.
Interleaved interleave(const Campaign& a, const Campaign& b, const Limits& limits,
                       std::uint32_t blocks, std::uint64_t seed);

// What was found, under each arm's own cell ids, without the warm-ups. `cells` is
// that of the journal of `experiment.both`.
struct ArmCells {
  std::vector<CellResult> a;
  std::vector<CellResult> b;
};
ArmCells arms_of(const Interleaved& experiment, const Campaign& a, std::vector<CellResult> cells);

}  // namespace netstall
