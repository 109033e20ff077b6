// What the ways to attach send_wait and stall_trace have in common.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/send_wait.hpp"

namespace netstall {

// One way to attach a backend: which of the object's programs.
struct WaitVariant {
  SendWaitBackend backend = SendWaitBackend::fentry;
  std::vector<std::string_view> programs;
  std::vector<Cause> cannot_tell;
  std::vector<std::string> notes;  // for the reader
};

// Kernel functions that only some kernels have. A variant has programs for those that
// are there, and says what is not told without.
struct WaitPlaces {
  bool throttle = true;       // __mem_cgroup_handle_over_high()
  bool throttle_old = false;  // mem_cgroup_handle_over_high(), its name up to Linux 6.5
  bool sendpage = false;      // tcp_sendpage(), up to Linux 6.4
};
WaitPlaces places_here();

// Adds what sees a cgroup make a sender sleep; else the cause is not told.
void add_throttle(WaitVariant& variant, const WaitPlaces& places);

// Notes on how a backend tells waits, and the end of a stall.
constexpr const char* kEachCall =
    "a program at the end of each system call of the machine tells the end of a stall";
constexpr const char* kAsleep =
    "a wait is counted from when the thread goes to sleep until it runs again, without what "
    "sk_stream_wait_memory() does before and after";
constexpr const char* kUntilItRuns =
    "a wait is counted until its thread runs again, without what sk_stream_wait_memory() does "
    "after that";

// How often the kernel did not run a program because it was running on that CPU
// already.
std::uint64_t missed_runs(int program_fd);

}  // namespace netstall
