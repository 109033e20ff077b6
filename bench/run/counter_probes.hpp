// The probes whose backend is a counter that the kernel keeps anyway: nothing is
// loaded for them.
#pragma once

#include <optional>

#include "base/netns.hpp"
#include "bench/observe/namespace_counters.hpp"
#include "model/probes.hpp"
#include "model/report.hpp"

namespace netstall {

// Of one repetition. From one thread; keeps the namespace alive.
class CounterProbes {
 public:
  // Call before the first socket: connections that overflow do so in the ramp.
  explicit CounterProbes(const Netns& server);
  void at_window_start();
  // What this probe's counters say, of those that are counted over the window in
  // `repetition`; nothing where they were not read, or the probe has none.
  std::optional<ProbeFinding> finding(ProbeId id, const Repetition& repetition) const;

 private:
  ProbeFinding accept_overflow(const Repetition& repetition) const;

  NamespaceCounters server_;
  CounterSnapshot start_;
  KernelCounters before_;  // the window
};

}  // namespace netstall
