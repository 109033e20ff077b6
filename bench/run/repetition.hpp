// One repetition of one cell: from an empty machine to a result and back.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/lab.hpp"
#include "bench/run/interrupts.hpp"
#include "bench/run/privileges.hpp"
#include "model/plan.hpp"
#include "model/report.hpp"

namespace netstall {

// How a window goes while it lasts, for people who wait.
struct Glance {
  std::uint64_t connections = 0;
  double goodput_bytes_per_s = 0;
  std::uint64_t blocked_senders = 0;
};

// What all repetitions of a campaign share.
struct RunContext {
  ProbeMode probes = ProbeMode::automatic;
  std::uint64_t seed = 1;
  int exe_fd = -1;                                   // this program, to start workers from
  Privileges privileges;                             // with where the locks are
  StepHook step_hook;                                // sees every step; empty outside tests
  std::function<void(const std::string&)> say;       // a line for -v; may be empty
  std::function<void(const std::string&)> warn;      // what was put back for a run that died
  std::function<void(const std::string&)> progress;  // the phase it is in; may be empty
  std::function<void(const Glance&)> glance;         // within the window; may be empty
};

struct RepetitionOutcome {
  Repetition repetition;
  std::optional<Error> error;  // what ended it before its time
};

// Runs it and undoes it. A repetition that fails on its way has status failed, one
// that a signal ends has status interrupted, with the reason, and what was measured
// until then is kept; one that this machine cannot do (no TCP memory limit here) is
// skipped.
RepetitionOutcome run_repetition(const Scenario& scenario, const Assignment& assignment,
                                 const RunContext& context, Guardian& guardian,
                                 const Interrupts& interrupts);

}  // namespace netstall
