// The ways to attach send_wait, in the order in which they are tried, and how
// large its maps have to be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bpf/send_wait.hpp"

namespace netstall {

// One way to attach a backend: which of the object's programs.
struct SendWaitVariant {
  SendWaitBackend backend = SendWaitBackend::fentry;
  std::vector<std::string_view> programs;
  bool ends_in_user_mode = false;  // a stall ends on the thread's way to user mode
  std::vector<Cause> cannot_tell;
  std::vector<std::string> notes;  // for the report
};

// Programs that only some kernels have a place for. A variant has those that fit,
// and says what is not told without.
struct SendWaitPlaces {
  bool throttle = true;       // __mem_cgroup_handle_over_high()
  bool throttle_old = false;  // mem_cgroup_handle_over_high(), its name up to Linux 6.5
};

std::vector<SendWaitVariant> send_wait_variants(const SendWaitOptions& options,
                                                const SendWaitPlaces& places);

// Elements of the maps.
struct SendWaitSizes {
  std::uint32_t sends = 0;
  std::uint32_t eagains = 0;
  std::uint32_t sums = 0;
  std::uint32_t sub_sums = 0;
  std::uint32_t slots = 0;
  std::uint32_t refusals = 0;
  std::uint32_t losses = 0;
  std::uint64_t bytes = 0;  // of all of them in the kernel
};

SendWaitSizes send_wait_sizes(const SendWaitOptions& options) noexcept;

// Throws Error for options that make no sense.
void check_send_wait_options(const SendWaitOptions& options);

}  // namespace netstall
