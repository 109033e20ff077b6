// The ways to attach stall_trace, in the order in which they are tried.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "bpf/stall_trace.hpp"

namespace netstall {

// One way to attach a backend: which of the object's programs.
struct StallTraceVariant {
  SendWaitBackend backend = SendWaitBackend::fentry;
  std::vector<std::string_view> programs;
  std::vector<Cause> cannot_tell;
  std::vector<std::string> notes;  // for the reader
};

// Kernel functions that only some kernels have.
struct StallTracePlaces {
  bool throttle = true;       // __mem_cgroup_handle_over_high()
  bool throttle_old = false;  // mem_cgroup_handle_over_high(), its name up to Linux 6.5
  bool sendpage = false;      // tcp_sendpage(), up to Linux 6.4
};

std::vector<StallTraceVariant> stall_trace_variants(const StallTraceOptions& options,
                                                    const StallTracePlaces& places);

// Throws Error (usage) for a filter that makes no sense.
void check_stall_trace_options(const StallTraceOptions& options);

}  // namespace netstall
