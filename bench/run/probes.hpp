// The probes of one repetition: of each that the scenario chose the first backend of
// its ladder that loads, and what is missing, with the reason.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/lab/lab.hpp"
#include "bench/run/counter_probes.hpp"
#include "bpf/kernel_probe.hpp"
#include "bpf/program_cost.hpp"
#include "bpf/send_wait.hpp"
#include "model/plan.hpp"
#include "model/report.hpp"

namespace netstall {

class Probes {
 public:
  // Loads and attaches: call before the first socket exists. Throws Error
  // (incapable) when probes are required and one that was chosen does not load.
  Probes(ProbeMode mode, const Scenario& scenario, const Assignment& assignment, const Lab& lab);

  // Before the window: its edges in CLOCK_MONOTONIC. The kernel's statistics of
  // BPF programs, from which the cost comes, tax every program of the machine:
  // they are on from here until at_window_start(), in the warm-up alone.
  void set_window(MonoTime from, MonoTime to);
  void at_window_start();
  // After the window, and after the counters of the repetition: fills the stalls of
  // flows and repetition, and the findings. Without send_wait the stalls are the own
  // clocks', with every cause unknown to the backend.
  void read_into(Repetition& repetition) const;
  // Backend and what is missing; known from the start.
  const ProbeReport& report() const noexcept { return report_; }

 private:
  void load_send_wait(ProbeMode mode, const SendWaitOptions& options);
  void load(ProbeMode mode, ProbeId id, const KernelProbeOptions& options);
  void read_stalls(Repetition& repetition) const;

  std::vector<ProbeId> chosen_;
  std::vector<bool> udp_;  // of each flow group
  ProbeReport report_;
  std::optional<SendWait> send_wait_;
  std::vector<std::pair<ProbeId, std::unique_ptr<KernelProbe>>> loaded_;
  std::optional<CounterProbes> counters_;
  std::optional<ProgramCost> cost_;
  std::map<std::string, ProgramCost::Cost> costs_;  // by probe
  MonoTime cost_since_;
};

// What the probes of a scenario are told, all but the namespaces.
SendWaitOptions send_wait_options(const Scenario& scenario, const Assignment& assignment);
KernelProbeOptions kernel_probe_options(const Scenario& scenario, const Assignment& assignment);

// What probe_memory() depends on: the same for many cells of a sweep.
std::string probe_memory_key(const Scenario& scenario, const Assignment& assignment);

// Kernel memory of the maps of each chosen probe, in bytes; 0 for those that load
// nothing.
std::vector<std::pair<ProbeId, std::uint64_t>> probe_memory(const Scenario& scenario,
                                                            const Assignment& assignment);

}  // namespace netstall
