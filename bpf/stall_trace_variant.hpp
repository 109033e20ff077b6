// The ways to attach stall_trace, in the order in which they are tried.
#pragma once

#include <vector>

#include "bpf/stall_trace.hpp"
#include "bpf/wait_variant.hpp"

namespace netstall {

std::vector<WaitVariant> stall_trace_variants(const StallTraceOptions& options,
                                              const WaitPlaces& places);

// Throws Error (usage) for a filter that makes no sense.
void check_stall_trace_options(const StallTraceOptions& options);

}  // namespace netstall
