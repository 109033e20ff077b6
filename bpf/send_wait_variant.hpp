// The ways to attach send_wait, in the order in which they are tried, and how
// large its maps have to be.
#pragma once

#include <cstdint>
#include <vector>

#include "bpf/send_wait.hpp"
#include "bpf/wait_variant.hpp"

namespace netstall {

struct SendWaitVariant : WaitVariant {
  bool ends_in_user_mode = false;  // a stall ends on the thread's way to user mode
};

std::vector<SendWaitVariant> send_wait_variants(const SendWaitOptions& options,
                                                const WaitPlaces& places);

// Elements of the maps.
struct SendWaitSizes {
  std::uint32_t sends = 0;
  std::uint32_t eagains = 0;
  std::uint32_t sums = 0;
  std::uint32_t sub_sums = 0;
  std::uint32_t slots = 0;
  std::uint32_t refusals = 0;
  std::uint32_t losses = 0;
  std::uint32_t stacks = 1;  // of the longest stalls
  std::uint64_t bytes = 0;   // of all of them in the kernel
};

SendWaitSizes send_wait_sizes(const SendWaitOptions& options) noexcept;

// Throws Error for options that make no sense.
void check_send_wait_options(const SendWaitOptions& options);

}  // namespace netstall
