// Whether the repetitions of a cell are enough: what a scenario's /timing/until asks.
#pragma once

#include <optional>
#include <string>

#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// What is wrong with it, as a sentence: a metric that the catalogue does not have, one that
// is not measured per flow group. Nothing where it can be judged.
std::optional<std::string> fault_of(const Precision& asked);

// Judges it on the cell's good repetitions. The interval is the median's by order
// statistics, at 95 % for one look; after many looks it covers a little less often. Where
// one lacks the value it is not reached: those alone in which enough happened tell another
// median; nor where more than a quarter of the values are lower bounds (metrics.hpp). `asked` has
// no fault.
PrecisionResult judge_precision(const Precision& asked, const CellResult& cell);

// "slow: stall.p99: 204 ms, 95 % between 198 ms and 211 ms (±3.2 %) after 9 repetitions".
std::string to_text(const PrecisionResult& result);

}  // namespace netstall
