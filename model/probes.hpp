// The registry of probes: what each answers, why one would look, the ways in which
// it can be attached, and what those cannot tell. Parser, loaders, plan, doctor and
// docs/probes.md all follow this one table.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/names.hpp"

namespace netstall {

// The questions that probes answer; model/probes.hpp has a row for each.
enum class ProbeId : std::uint8_t {
  send_wait,
  retransmits,
  drops,
  qdisc_drops,
  accept_overflow,
  napi_squeeze,
  zero_window,
  memory_pressure,
  autotuning,
  reader_waits,
  epoll_waits,
  run_queue,
  worst_stalls
};
// How a probe gets at its answer: programs attached to functions or tracepoints, or
// run by a timer, counters that the kernel keeps anyway, or the workers' own clocks.
enum class ProbeBackend : std::uint8_t { fentry, kprobe, tracepoint, timer, counter, own_clock };

template <>
struct Names<ProbeId> {
  static constexpr std::array<std::string_view, 13> list{
      "send_wait",    "retransmits", "drops",           "qdisc_drops", "accept_overflow",
      "napi_squeeze", "zero_window", "memory_pressure", "autotuning",  "reader_waits",
      "epoll_waits",  "run_queue",   "worst_stalls"};
};
template <>
struct Names<ProbeBackend> {
  static constexpr std::array<std::string_view, 6> list{"fentry", "kprobe",  "tracepoint",
                                                        "timer",  "counter", "own_clock"};
};

// One way to attach a probe.
struct ProbeRung {
  ProbeBackend backend = ProbeBackend::tracepoint;
  std::string_view how;          // where it looks
  std::string_view cannot_tell;  // in words; empty: nothing is missing
};

struct ProbeInfo {
  ProbeId id = ProbeId::send_wait;
  bool by_default = false;  // loaded where a scenario does not say
  std::string_view answers;
  std::string_view unit;
  std::string_view places;  // what its figures are split by
  std::string_view why;     // when one would look
  std::string_view needs;
  std::string_view cost;              // measured
  std::string_view where_none;        // what the report says where no rung holds
  std::span<const ProbeRung> ladder;  // tried in this order
};

// In the order of ProbeId.
std::span<const ProbeInfo> probe_registry();
const ProbeInfo& info_of(ProbeId id);

// Causes that send_wait cannot tell by this backend on any kernel.
std::vector<Cause> causes_untold(ProbeBackend backend);

// The text of docs/probes.md.
std::string probes_markdown();

}  // namespace netstall
