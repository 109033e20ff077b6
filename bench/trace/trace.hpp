// The life of a trace: from attaching to the summary.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/units.hpp"
#include "bench/trace/targets.hpp"
#include "bpf/stall_trace.hpp"
#include "model/trace.hpp"

namespace netstall {

struct TraceOptions {
  TargetNames targets;
  std::vector<std::string> command;  // empty: none
  std::optional<Nanoseconds> duration;
  StallTraceOptions probe;  // its filter comes from the targets
  std::string output;       // file; empty: standard output
};

// What is printed, and how; each returns text.
struct TraceText {
  std::function<std::string(const TraceSetup&)> head;
  std::function<std::string(const TracedStall&)> stall;
  std::function<std::string(const TracedEdge&)> edge;
  std::function<std::string(const TraceSetup&, const TraceSummary&)> tail;
};

struct TraceOutcome {
  TraceSetup setup;
  TraceSummary summary;
  std::optional<int> command_status;  // wait status
};

// Traces until a signal comes, the duration is over, all traced processes are gone,
// or the command has ended; writes lines meanwhile. `setup` holds what the caller
// knows of it already. `say` takes a sentence for the user, beside the output.
// Throws Error where nothing can be traced. Call from the program's only thread.
TraceOutcome run_trace(const TraceOptions& options, TraceSetup setup, const TraceText& text,
                       const std::function<void(const std::string&)>& say);

}  // namespace netstall
