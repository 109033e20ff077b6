// The probes of one repetition: the best backend of the ladder fentry →
// kprobe → tracepoint → own clock, and what is missing, with the reason.
#pragma once

#include <optional>

#include "base/netns.hpp"
#include "bpf/program_cost.hpp"
#include "bpf/send_wait.hpp"
#include "model/plan.hpp"
#include "model/report.hpp"

namespace netstall {

class Probes {
 public:
  // Loads and attaches: call before the first socket exists. Throws Error
  // (incapable) when probes are required and none loads.
  Probes(ProbeMode mode, const Scenario& scenario, const Assignment& assignment,
         const Netns& client, const Netns& server);

  // Before the window: its edges in CLOCK_MONOTONIC. The kernel's statistics of
  // BPF programs, from which the cost comes, tax every program of the machine:
  // they are on from here until at_window_start(), in the warm-up alone.
  void set_window(MonoTime from, MonoTime to);
  void at_window_start();
  // After the window: fills the stalls of flows and repetition. Without a probe
  // they are the own clocks', with every cause unknown to the backend.
  void read_into(Repetition& repetition) const;
  // Backend and what is missing; known from the start.
  const ProbeReport& report() const noexcept { return report_; }

 private:
  ProbeReport report_;
  std::optional<SendWait> send_wait_;
  std::optional<ProgramCost> cost_;
  MonoTime cost_since_;
};

}  // namespace netstall
