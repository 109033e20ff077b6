// The output of SystemTap's example for sk_stream_wait_memory, which prints
// gettimeofday_us(), execname() and pid() at the function's entry and its return.
#include <fmt/format.h>

#include "base/printable.hpp"
#include "bench/report/trace_formats.hpp"

namespace netstall {
namespace {

class TraceStap final : public TraceFormatter {
 public:
  bool wants_edges() const override { return true; }
  std::string head(const TraceSetup&) const override { return {}; }
  std::string line(const TracedStall&) const override { return {}; }
  std::string line(const TracedEdge& edge) const override {
    return fmt::format("{}: {}({}) {} full send buffer\n", edge.at_wall_ns / 1000,
                       printable(edge.thread.comm), edge.thread.pid,
                       edge.recovered ? "recovered from" : "blocked on");
  }
  std::string tail(const TraceSetup&, const TraceSummary&) const override { return {}; }
};

}  // namespace

std::unique_ptr<TraceFormatter> make_trace_stap() {
  return std::make_unique<TraceStap>();
}

std::unique_ptr<TraceFormatter> make_trace_formatter(TraceFormat format) {
  switch (format) {
    case TraceFormat::text:
      return make_trace_text();
    case TraceFormat::json:
      return make_trace_json();
    case TraceFormat::stap:
      break;
  }
  return make_trace_stap();
}

}  // namespace netstall
