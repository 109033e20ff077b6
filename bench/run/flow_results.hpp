// Joins what the workers of a repetition said into one result per flow group.
#pragma once

#include <vector>

#include "loadgen/messages.hpp"
#include "model/plan.hpp"
#include "model/report.hpp"

namespace netstall {

// Beside errno names, in what failed: connections that a client has and no server took.
inline constexpr const char* kNotAccepted = "not accepted";

// `connected` and `results` are in the order of the assignment's workers;
// `results` may be empty (the run ended before). Goodput is over `window`.
std::vector<FlowResult> join_results(const Scenario& scenario, const Assignment& assignment,
                                     const std::vector<Connected>& connected,
                                     const std::vector<Result>& results, Nanoseconds window);

}  // namespace netstall
