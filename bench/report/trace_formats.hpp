// A trace's lines, as people and programs read them. Pure functions of what a trace
// found.
#pragma once

#include <memory>
#include <string>

#include "model/trace.hpp"

namespace netstall {

enum class TraceFormat : std::uint8_t { text, json, stap };

template <>
struct Names<TraceFormat> {
  static constexpr std::array<std::string_view, 3> list{"text", "json", "stap"};
};

// One way to print a trace. Each member returns whole lines, or nothing. Of single
// stalls a format tells either the stall or its edges.
class TraceFormatter {
 public:
  virtual ~TraceFormatter() = default;
  virtual bool wants_edges() const = 0;
  virtual std::string head(const TraceSetup& setup) const = 0;
  virtual std::string line(const TracedStall& stall) const = 0;
  virtual std::string line(const TracedEdge& edge) const = 0;
  virtual std::string tail(const TraceSetup& setup, const TraceSummary& summary) const = 0;

 protected:
  TraceFormatter() = default;
  TraceFormatter(const TraceFormatter&) = default;
  TraceFormatter& operator=(const TraceFormatter&) = default;
};

std::unique_ptr<TraceFormatter> make_trace_formatter(TraceFormat format);

// For people: a line a stall, columns aligned, local time. The tail is the summary.
std::unique_ptr<TraceFormatter> make_trace_text();
// A JSON object a line: what traces, each stall, the summary. docs/trace.md and
// results/trace.schema.json describe it.
std::unique_ptr<TraceFormatter> make_trace_json();
// As SystemTap's example for sk_stream_wait_memory prints it, and nothing else.
std::unique_ptr<TraceFormatter> make_trace_stap();

// Totals by cause and by process, histograms, and what is not in them.
std::string trace_summary_text(const TraceSetup& setup, const TraceSummary& summary);

}  // namespace netstall
