#include "bpf/send_wait_variant.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <utility>

#include "base/error.hpp"
#include "bpf/send_wait.h"

namespace netstall {
namespace {

constexpr std::uint64_t kSlotsOfFlow = std::uint64_t{NETSTALL_CAUSES} * 2 * NETSTALL_HDR_SLOTS;
// An array map's index has 32 bits.
constexpr std::uint64_t kMostFlows = std::numeric_limits<std::uint32_t>::max() / kSlotsOfFlow;

// A hash map of the kernel: struct htab_elem, key and value for each entry, all
// made at load, and a struct bucket for the next power of two. From Linux 6.1 to 6.18.
constexpr std::uint64_t hash_bytes(std::uint32_t entries, std::uint64_t value_bytes) {
  constexpr std::uint64_t kElement = 48;
  constexpr std::uint64_t kKey = 8;
  constexpr std::uint64_t kBucket = 16;
  return entries * (kElement + kKey + value_bytes) +
         std::bit_ceil(std::uint64_t{entries}) * kBucket;
}

constexpr std::uint64_t kLossBytes = 40;  // struct netstall_loss

// The program's own tables: flow groups by port, and two filters of look-ups.
constexpr std::uint64_t kTables = sizeof(__u16[2][65536]) + sizeof(__u32[2][8192]);

// The longest stalls of each CPU, and the stacks of all.
constexpr std::uint64_t kStackBytes = 8 + 24 + NETSTALL_STACK_FRAMES * sizeof(std::uint64_t);
std::uint64_t offender_bytes(std::uint32_t stacks) {
  const long cpus = ::sysconf(_SC_NPROCESSORS_CONF);
  return (cpus > 0 ? static_cast<std::uint64_t>(cpus) : 1) * sizeof(netstall_worst) +
         stacks * kStackBytes;
}

constexpr const char* kEachSend =
    "a program at the end of each send() tells the end of a stall; it costs every send()";
}  // namespace

std::vector<SendWaitVariant> send_wait_variants(const SendWaitOptions& options,
                                                const WaitPlaces& places) {
  const bool eagain = options.nonblocking_senders > 0;
  std::vector<SendWaitVariant> variants;
  const auto add = [&](SendWaitVariant variant) {
    if (options.force && *options.force != variant.backend) return;
    for (const auto* program : {"on_refused", "on_drop", "on_retransmit"}) {
      variant.programs.emplace_back(program);
    }
    // Where an EAGAIN stall ends with its connection.
    if (eagain) variant.programs.emplace_back("on_state");
    add_throttle(variant, places);
    variants.push_back(std::move(variant));
  };
  using enum SendWaitBackend;
  // Progress after EAGAIN is seen only at a send() itself.
  if (!eagain) add({{fentry, {"on_wait", "on_waited", "on_user_mode", "on_exit"}, {}, {}}, true});
  add({{fentry, {"on_wait", "on_waited", "on_sent"}, {}, {kEachSend}}});
  add({{fentry, {"on_wait", "on_waited", "on_sent_fexit"}, {}, {kEachSend}}});
  if (!eagain) {
    add({{kprobe,
          {"on_wait_kprobe", "on_switch", "on_user_mode_kprobe", "on_exit"},
          {},
          {kUntilItRuns}},
         true});
  }
  add({{kprobe, {"on_wait_kprobe", "on_switch", "on_sent"}, {}, {kUntilItRuns, kEachSend}}});
  add({{kprobe,
        {"on_wait_kprobe", "on_switch", "on_syscall_exit"},
        {},
        {kUntilItRuns, kEachCall}}});
  add({{tracepoint, {"on_switch", "on_sent"}, {}, {kAsleep, kEachSend}}});
  add({{tracepoint, {"on_switch", "on_syscall_exit"}, {}, {kAsleep, kEachCall}}});
  return variants;
}

SendWaitSizes send_wait_sizes(const SendWaitOptions& options) noexcept {
  SendWaitSizes sizes;
  // A thread that does not block has a record only within a send() that was
  // refused memory: as many as there are CPUs, and a few preempted ones.
  constexpr std::uint32_t kRefused = 1024;
  sizes.sends = options.blocking_senders + std::min(options.nonblocking_senders, kRefused) + 1;
  sizes.eagains = options.nonblocking_senders + 1;
  sizes.sums = options.flows * NETSTALL_CAUSES;
  sizes.sub_sums = options.flows * NETSTALL_SUBS;
  // A refusal is used at once by the send() that met it. Of connections, only
  // those that lost segments have an entry, and what is forgotten first is oldest.
  constexpr std::uint32_t kFewest = 1024;
  constexpr std::uint32_t kMostLosses = 65536;
  const auto senders = options.blocking_senders + options.nonblocking_senders;
  sizes.refusals = 4 * kFewest;
  sizes.losses = std::clamp(senders, kFewest, kMostLosses);
  sizes.stacks = options.keep_worst ? NETSTALL_STACKS : 1;
  sizes.slots = static_cast<std::uint32_t>(options.flows * kSlotsOfFlow);
  sizes.bytes = hash_bytes(sizes.sends, sizeof(netstall_send)) +
                hash_bytes(sizes.eagains, sizeof(netstall_eagain)) +
                hash_bytes(sizes.refusals, sizeof(netstall_refused)) +
                hash_bytes(sizes.losses, kLossBytes) + sizes.sub_sums * sizeof(netstall_sub_sums) +
                sizes.sums * sizeof(netstall_sums) + sizes.slots * sizeof(std::uint64_t) + kTables +
                offender_bytes(sizes.stacks);
  return sizes;
}

void check_send_wait_options(const SendWaitOptions& options) {
  const auto refuse = [](const std::string& cause) {
    throw Error(ErrorKind::usage, "load the probe send_wait", cause);
  };
  if (options.flows == 0) refuse("there is no flow group");
  if (options.flows > kMostFlows) {
    refuse(fmt::format("{} flow groups; at most {} fit", options.flows, kMostFlows));
  }
  std::array<std::vector<bool>, 2> seen{std::vector<bool>(65536), std::vector<bool>(65536)};
  for (const auto& port : options.ports) {
    if (port.flow >= options.flows) {
      refuse(fmt::format("port {} is of flow group {} of {}", port.port, port.flow, options.flows));
    }
    auto&& of_side = seen[port.sender == Side::client ? 0 : 1][port.port];
    if (of_side) refuse(fmt::format("port {} is listed twice", port.port));
    of_side = true;
  }
}

}  // namespace netstall
