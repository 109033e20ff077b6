// Metrics from the kernel's own counters and from the series: of the repetition
// as a whole, for the kernel counts by namespace, not by flow group.
#include <fmt/format.h>

#include "bench/verdict/metrics_rows.hpp"

namespace netstall {
namespace {

struct CounterRow {
  std::string_view name;
  std::string_view counter;
  Unit unit;
  // Pressure is of the whole machine, and counted in whichever namespace a socket
  // notices it: the lab's two or the host's.
  bool with_host;
  double factor;
  double resolution;
  double absolute;
  std::string_view meaning;
};

constexpr CounterRow kCounterRows[] = {
    {"pressure.time", "TcpExt.TCPMemoryPressuresChrono", Unit::ns, true, 1e6, 4e6, 1e7,
     "Time that TCP was under memory pressure, of the spells that ended within the window."},
    {"pressure.count", "TcpExt.TCPMemoryPressures", Unit::one, true, 1, 1, 1,
     "How often TCP came under memory pressure."},
    {"retransmits", "Tcp.RetransSegs", Unit::one, false, 1, 1, 10,
     "Segments sent again, by both sides."},
    {"timeouts", "TcpExt.TCPTimeouts", Unit::one, false, 1, 1, 10,
     "Retransmission timeouts, of both sides."},
    {"receive_drops", "TcpExt.TCPRcvQDrop", Unit::one, false, 1, 1, 10,
     "Segments that a receiver dropped for want of memory."},
    {"zero_windows", "TcpExt.TCPToZeroWindowAdv", Unit::one, false, 1, 1, 10,
     "How often a receiver closed its window."},
    {"memory_aborts", "TcpExt.TCPAbortOnMemory", Unit::one, false, 1, 1, 1,
     "Connections that the kernel aborted for want of memory."},
    {"qdisc_drops", "qdisc.drops", Unit::one, false, 1, 1, 10,
     "Packets that the root qdiscs of the link dropped."},
    {"link_drops", "link.tx_dropped", Unit::one, false, 1, 1, 10,
     "Packets that the link's ends dropped in sending: the other's ring or a CPU's backlog was "
     "full."},
    {"listen_overflows", "TcpExt.ListenOverflows", Unit::one, false, 1, 1, 10,
     "Connections that found a listener's queue full."},
    {"softnet_drops", "softnet.dropped", Unit::one, true, 1, 1, 10,
     "Packets that found a CPU's backlog full, on the whole machine."},
    {"time_squeezes", "softnet.time_squeeze", Unit::one, true, 1, 1, 10,
     "How often a softirq ended for its budget with packets left, on the whole machine."},
};

// Increases of 0 are left out of a report; the gauges beside them are always there.
bool measured(const KernelCounters& counters) {
  return !counters.counters.empty() || !counters.gauges.empty();
}

Reading read_counter(const Repetition& repetition, const CounterRow& row) {
  double sum = 0;
  for (const auto* place : {&repetition.client, &repetition.server, &repetition.host}) {
    if (place == &repetition.host && !row.with_host) continue;
    if (!measured(*place)) return absent("kernel counters were not measured");
    const auto found = place->counters.find(std::string(row.counter));
    if (found != place->counters.end()) sum += static_cast<double>(found->second);
  }
  return present(sum * row.factor);
}

Metric make_metric(const CounterRow& row) {
  return {.name = std::string(row.name),
          .unit = row.unit,
          .scope = Scope::whole,
          .role = Role::reported,
          .resolution = row.resolution,
          .smallest_relative = kCentralChange,
          .smallest_absolute = row.absolute,
          .parts = {ReportPart::kernel},
          .meaning = fmt::format("{} ({})", row.meaning, row.counter),
          .read = [&row](RepetitionView& view) { return read_counter(view.repetition(), row); }};
}

struct PeakRow {
  std::string_view name;
  std::vector<std::optional<std::int64_t>> Series::*samples;
  double resolution;
  double absolute;
  std::string_view meaning;
};

constexpr PeakRow kPeakRows[] = {
    // Each CPU may hold 256 pages that are charged in advance or not yet counted.
    {"tcp_mem.peak", &Series::tcp_mem_pages, 256, 512,
     "Most pages that TCP held on the whole machine at a sample."},
    {"blocked_senders.peak", &Series::blocked_senders, 1, 1,
     "Most senders that were blocked at once at a sample."},
};

Metric make_metric(const PeakRow& row) {
  return {.name = std::string(row.name),
          .scope = Scope::whole,
          .role = Role::reported,
          .resolution = row.resolution,
          .smallest_relative = kCentralChange,
          .smallest_absolute = row.absolute,
          .parts = {ReportPart::series},
          .meaning = std::string(row.meaning),
          .read = [samples = row.samples](RepetitionView& view) {
            std::optional<std::int64_t> peak;
            for (const auto& sample : view.repetition().series.*samples) {
              if (sample && (!peak || *sample > *peak)) peak = sample;
            }
            return peak ? present(static_cast<double>(*peak))
                        : absent("the series was not measured");
          }};
}

}  // namespace

void add_kernel_metrics(std::vector<Metric>& catalogue) {
  for (const auto& row : kCounterRows) catalogue.push_back(make_metric(row));
  for (const auto& row : kPeakRows) catalogue.push_back(make_metric(row));
}

}  // namespace netstall
