#include "bpf/stall_trace_variant.hpp"

#include <fmt/format.h>

#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

constexpr const char* kEachSend =
    "a program at the end of each send() of the machine tells the end of a stall";
}  // namespace

std::vector<WaitVariant> stall_trace_variants(const StallTraceOptions& options,
                                              const WaitPlaces& places) {
  std::vector<WaitVariant> variants;
  const auto add = [&](WaitVariant variant) {
    if (options.force && *options.force != variant.backend) return;
    for (const auto* program : {"on_refused", "on_drop", "on_retransmit", "on_state", "on_exit"}) {
      variant.programs.emplace_back(program);
    }
    if (!options.filter.families.empty()) variant.programs.emplace_back("on_fork");
    add_throttle(variant, places);
    variants.push_back(std::move(variant));
  };
  using enum SendWaitBackend;
  add({fentry, {"on_wait", "on_waited", "on_sent"}, {}, {kEachSend}});
  WaitVariant by_return{
      fentry, {"on_wait", "on_waited", "on_sent_fexit", "on_early_sent"}, {}, {kEachSend}};
  if (places.sendpage) by_return.programs.emplace_back("on_sendpage_fexit");
  add(std::move(by_return));
  add({kprobe, {"on_wait_kprobe", "on_switch", "on_sent"}, {}, {kUntilItRuns, kEachSend}});
  add({kprobe, {"on_wait_kprobe", "on_switch", "on_syscall_exit"}, {}, {kUntilItRuns, kEachCall}});
  add({tracepoint, {"on_switch", "on_sent"}, {}, {kAsleep, kEachSend}});
  add({tracepoint, {"on_switch", "on_syscall_exit"}, {}, {kAsleep, kEachCall}});
  return variants;
}

void check_stall_trace_options(const StallTraceOptions& options) {
  const auto refuse = [](const std::string& cause) {
    throw Error(ErrorKind::usage, "trace stalls", cause);
  };
  constexpr std::uint32_t kMost = 4 << 20;
  if (options.max_open == 0 || options.max_open > kMost) {
    refuse(fmt::format("{} open stalls at most; expected 1 to {}", options.max_open, kMost));
  }
  if (options.max_processes == 0 || options.max_processes > kMost) {
    refuse(fmt::format("{} processes at most; expected 1 to {}", options.max_processes, kMost));
  }
  constexpr std::uint64_t kFastest = 10'000'000;
  if (options.max_events_per_s > kFastest) {
    refuse(fmt::format("{} events a second at most; expected 0 to {}", options.max_events_per_s,
                       kFastest));
  }
  for (const auto& cgroup : options.filter.cgroups) {
    if (cgroup.controller != options.filter.cgroups.front().controller) {
      refuse("the cgroups are of different hierarchies");
    }
  }
}

}  // namespace netstall
