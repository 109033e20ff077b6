// Metrics of the traffic itself, from the programs that carry it: latencies,
// goodput, messages, connections, buffers.
#include <fmt/format.h>

#include <numeric>

#include "bench/verdict/metrics_rows.hpp"

namespace netstall {
namespace {

const Histogram* address(const std::optional<Histogram>& histogram) {
  return histogram ? &*histogram : nullptr;
}

Reading read_histogram(RepetitionView& view, RepetitionView::HistogramOf of, double percent) {
  const Histogram* histogram = view.histogram(of);
  if (histogram == nullptr) return absent("not measured");
  // A latency of no event is not 0: a sender that never got a message through
  // would look best of all.
  if (histogram->empty()) return absent("there was no event to measure");
  return read_percentile(*histogram, percent);
}

struct LatencyRow {
  std::string_view name;
  ReportPart part;
  RepetitionView::HistogramOf of;
  Role p99;
  Role others;
  double absolute;  // ns
  std::string_view meaning;
};

constexpr LatencyRow kLatencyRows[] = {
    {"send_latency", ReportPart::send_latency,
     [](const FlowResult& flow) { return address(flow.send_latency); }, Role::gating,
     Role::reported, 1e5, "the time from when a message was due until the kernel had accepted it"},
    {"delivery_latency", ReportPart::delivery_latency,
     [](const FlowResult& flow) { return address(flow.delivery_latency); }, Role::gating,
     Role::reported, 1e5,
     "the time from when a message was due until the reading program had taken it"},
    {"acked_latency", ReportPart::acked_latency,
     [](const FlowResult& flow) { return address(flow.acked_latency); }, Role::reported,
     Role::named, 1e5,
     "the time from when a message was due until the reading program's acknowledgement was back"},
    {"send_call", ReportPart::send_call,
     [](const FlowResult& flow) { return address(flow.send_call); }, Role::reported, Role::named,
     1e4, "the time that a send() call took"},
    {"connect", ReportPart::connect, [](const FlowResult& flow) { return address(flow.connect); },
     Role::reported, Role::named, 1e5, "the time that it took to establish a connection"},
};

struct PercentileRow {
  std::string_view name;
  double percent;
  double relative;
  std::string_view meaning;
};

constexpr PercentileRow kPercentileRows[] = {
    {"p50", 50, kCentralChange, "Median"},
    {"p90", 90, kCentralChange, "90th percentile"},
    {"p99", 99, kTailChange, "99th percentile"},
    {"p999", 99.9, kExtremeChange, "99.9th percentile"},
    {"max", 100, kExtremeChange, "Maximum"},
};

Metric make_metric(const LatencyRow& latency, const PercentileRow& row) {
  return {.name = fmt::format("{}.{}", latency.name, row.name),
          .unit = Unit::ns,
          .role = row.name == "p99" ? latency.p99 : latency.others,
          .resolution = 1e3,
          .smallest_relative = row.relative,
          .smallest_absolute = latency.absolute,
          .parts = {latency.part},
          .meaning = fmt::format("{} of {}.", row.meaning, latency.meaning),
          .read = [of = latency.of, percent = row.percent](RepetitionView& view) {
            return read_histogram(view, of, percent);
          }};
}

struct BufferRow {
  std::string_view name;
  RepetitionView::HistogramOf of;
  double percent;
  std::string_view meaning;
};

constexpr BufferRow kBufferRows[] = {
    {"sndbuf.final.p50", [](const FlowResult& flow) { return address(flow.sndbuf.final); }, 50,
     "Median size of the senders' buffers at the end."},
    {"sndbuf.final.max", [](const FlowResult& flow) { return address(flow.sndbuf.final); }, 100,
     "Largest of the senders' buffers at the end."},
    {"rcvbuf.final.p50", [](const FlowResult& flow) { return address(flow.rcvbuf.final); }, 50,
     "Median size of the readers' buffers at the end."},
    {"rcvbuf.final.max", [](const FlowResult& flow) { return address(flow.rcvbuf.final); }, 100,
     "Largest of the readers' buffers at the end."},
};

Metric make_metric(const BufferRow& row) {
  return {.name = std::string(row.name),
          .unit = Unit::bytes,
          .resolution = 1,
          .smallest_relative = kCentralChange,
          .smallest_absolute = 4096,
          .parts = {ReportPart::buffers},
          .meaning = std::string(row.meaning),
          .read = [of = row.of, percent = row.percent](RepetitionView& view) {
            return read_histogram(view, of, percent);
          }};
}

std::optional<double> optional_double(const std::optional<std::uint64_t>& value) {
  if (!value) return std::nullopt;
  return static_cast<double>(*value);
}

std::optional<double> total(const std::map<std::string, std::uint64_t>& by_name) {
  return std::accumulate(by_name.begin(), by_name.end(), 0.0, [](double sum, const auto& entry) {
    return sum + static_cast<double>(entry.second);
  });
}

// A figure that adds up over flows.
struct SumRow {
  std::string_view name;
  Unit unit;
  Direction direction;
  Role role;
  bool per_second;
  double resolution;
  double relative;
  double absolute;
  std::optional<double> (*figure)(const FlowResult&);
  std::string_view meaning;
};

constexpr auto kLower = Direction::lower_is_better;
constexpr auto kHigher = Direction::higher_is_better;

constexpr SumRow kSumRows[] = {
    {"goodput", Unit::bytes_per_s, kHigher, Role::gating, false, 1, kCentralChange, 1000,
     [](const FlowResult& flow) { return flow.goodput_bytes_per_s; },
     "Bytes that reading programs took, per second of the window."},
    {"messages", Unit::one, kHigher, Role::named, false, 1, kCentralChange, 10,
     [](const FlowResult& flow) { return optional_double(flow.messages); },
     "Messages that the kernel accepted whole in the window."},
    {"messages.rate", Unit::per_s, kHigher, Role::reported, true, 1e-3, kCentralChange, 1,
     [](const FlowResult& flow) { return optional_double(flow.messages); },
     "Messages that the kernel accepted whole, per second of the window."},
    {"backlog", Unit::one, kLower, Role::reported, false, 1, kCentralChange, 10,
     [](const FlowResult& flow) { return optional_double(flow.backlog); },
     "Messages that were due and not yet accepted when the window ended."},
    {"errors", Unit::one, kLower, Role::reported, false, 1, kCentralChange, 1,
     [](const FlowResult& flow) { return total(flow.errors); },
     "Errors that connections met while traffic ran (resets, timeouts)."},
    {"connections.established", Unit::one, kHigher, Role::reported, false, 1, 0.01, 1,
     [](const FlowResult& flow) {
       return std::optional(static_cast<double>(flow.connections_established));
     },
     "Connections that were established."},
    {"connections.failed", Unit::one, kLower, Role::reported, false, 1, 0.01, 1,
     [](const FlowResult& flow) { return total(flow.connections_failed); },
     "Attempts to connect that failed."},
};

Metric make_metric(const SumRow& row) {
  return {.name = std::string(row.name),
          .unit = row.unit,
          .direction = row.direction,
          .role = row.role,
          .resolution = row.resolution,
          .smallest_relative = row.relative,
          .smallest_absolute = row.absolute,
          .meaning = std::string(row.meaning),
          .read = [figure = row.figure, per_second = row.per_second](RepetitionView& view) {
            const auto sum = view.sum(figure);
            if (!sum || (per_second && !(view.window_s() > 0))) return absent("not measured");
            return present(per_second ? *sum / view.window_s() : *sum);
          }};
}

}  // namespace

void add_latency_metrics(std::vector<Metric>& catalogue) {
  for (const auto& latency : kLatencyRows) {
    for (const auto& row : kPercentileRows) catalogue.push_back(make_metric(latency, row));
  }
}

void add_traffic_metrics(std::vector<Metric>& catalogue) {
  for (const auto& row : kSumRows) catalogue.push_back(make_metric(row));
  for (const auto& row : kBufferRows) catalogue.push_back(make_metric(row));
}

}  // namespace netstall
