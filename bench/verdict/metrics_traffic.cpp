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
     "the time from when a message of ten bytes or more was due until the reading program had "
     "taken it (stream, duplex)"},
    {"acked_latency", ReportPart::acked_latency,
     [](const FlowResult& flow) { return address(flow.acked_latency); }, Role::reported,
     Role::named, 1e5,
     "the time from when a message was due until the reading program's acknowledgement was back"},
    {"kernel_acked_latency", ReportPart::kernel_acked_latency,
     [](const FlowResult& flow) { return address(flow.kernel_acked_latency); }, Role::reported,
     Role::named, 1e5,
     "the time from when a message was due until the peer's kernel had acknowledged its last byte "
     "(of those of acked_latency of which it is known, of streams)"},
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

constexpr BufferRow kQueueRows[] = {
    {"send_queue.p50",
     [](const FlowResult& flow) {
       return flow.tcp_info ? address(flow.tcp_info->send_queue) : nullptr;
     },
     50, "Median of the memory in a send queue, of readings that go round the sending ends."},
    {"send_queue.max",
     [](const FlowResult& flow) {
       return flow.tcp_info ? address(flow.tcp_info->send_queue) : nullptr;
     },
     100, "Most memory that was seen in a send queue."},
    {"receive_queue.p50",
     [](const FlowResult& flow) {
       return flow.tcp_info ? address(flow.tcp_info->receive_queue) : nullptr;
     },
     50, "Median of the memory in a receive queue, of readings that go round the reading ends."},
    {"receive_queue.max",
     [](const FlowResult& flow) {
       return flow.tcp_info ? address(flow.tcp_info->receive_queue) : nullptr;
     },
     100, "Most memory that was seen in a receive queue."},
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

std::optional<double> zerocopy_figure(const FlowResult& flow,
                                      std::uint64_t ZerocopyResult::*figure) {
  if (!flow.zerocopy) return std::nullopt;
  return static_cast<double>((*flow.zerocopy).*figure);
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
     "Messages that were due when the window ended and not yet accepted by the socket; requests "
     "and "
     "connections that were not yet answered, those on their way among them."},
    {"vain_sends", Unit::one, kLower, Role::named, false, 1, kCentralChange, 10,
     [](const FlowResult& flow) { return optional_double(flow.vain_sends); },
     "send() calls that were refused although the socket had been said to take more: what a "
     "program that spins spends its time on (non-blocking senders of streams)."},
    {"zerocopy.sends", Unit::one, kHigher, Role::named, false, 1, kCentralChange, 10,
     [](const FlowResult& flow) { return zerocopy_figure(flow, &ZerocopyResult::sends); },
     "send() calls with MSG_ZEROCOPY that the kernel took."},
    {"zerocopy.refused", Unit::one, kLower, Role::named, false, 1, kCentralChange, 1,
     [](const FlowResult& flow) { return zerocopy_figure(flow, &ZerocopyResult::refused); },
     "send() calls with MSG_ZEROCOPY that failed with ENOBUFS: no room for another notification "
     "(net.core.optmem_max), or for more locked memory (ulimit -l)."},
    {"zerocopy.copied", Unit::one, kLower, Role::named, false, 1, kCentralChange, 10,
     [](const FlowResult& flow) { return zerocopy_figure(flow, &ZerocopyResult::copied); },
     "send() calls with MSG_ZEROCOPY whose completion says that the bytes were copied after all."},
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

// Of the time of the sending ends that were asked.
struct TcpShareRow {
  std::string_view name;
  std::uint64_t TcpInfo::*time;
  std::string_view meaning;
};

constexpr TcpShareRow kTcpShareRows[] = {
    {"tcp.busy", &TcpInfo::busy_ns,
     "Share of the time in which a connection had something to send or to be acknowledged, by the "
     "kernel's account (TCP_INFO of some two hundred connections)."},
    {"tcp.rwnd_limited", &TcpInfo::rwnd_limited_ns,
     "Share of the time in which the peer's window held a connection back, by the kernel's "
     "account."},
    {"tcp.sndbuf_limited", &TcpInfo::sndbuf_limited_ns,
     "Share of the time in which the send buffer was too small for the congestion window, by the "
     "kernel's account."},
};

Metric make_metric(const TcpShareRow& row) {
  return {.name = std::string(row.name),
          .unit = Unit::one,
          .role = Role::named,
          .resolution = 1e-3,
          .smallest_relative = kCentralChange,
          .smallest_absolute = 0.01,
          .meaning = std::string(row.meaning),
          .read = [time = row.time](RepetitionView& view) {
            static constexpr auto kElapsed = [](const FlowResult& flow) {
              return flow.tcp_info ? optional_double(flow.tcp_info->elapsed_ns) : std::nullopt;
            };
            const auto elapsed = view.sum(kElapsed);
            const auto sum = view.sum([time](const FlowResult& flow) {
              return flow.tcp_info ? optional_double((*flow.tcp_info).*time) : std::nullopt;
            });
            if (!elapsed || !sum || !(*elapsed > 0)) return absent("not measured");
            return present(*sum / *elapsed);
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
  for (const auto& row : kQueueRows) catalogue.push_back(make_metric(row));
  for (const auto& row : kTcpShareRows) catalogue.push_back(make_metric(row));
}

}  // namespace netstall
