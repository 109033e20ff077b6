// Metrics of UDP: what became of the datagrams, and what the kernel counted of those that
// it did not keep.
#include <fmt/format.h>

#include "bench/verdict/metrics_rows.hpp"

namespace netstall {
namespace {

using Figure = std::uint64_t DatagramCounts::*;

struct DatagramRow {
  std::string_view name;
  Figure figure;
  Direction direction;
  Role role;
  std::string_view meaning;
};

constexpr auto kFewer = Direction::lower_is_better;
constexpr auto kMore = Direction::higher_is_better;

constexpr DatagramRow kDatagramRows[] = {
    {"datagrams.sent", &DatagramCounts::sent, kMore, Role::named,
     "Datagrams that the kernel took within the window; of requests without their responses."},
    {"datagrams.received", &DatagramCounts::received, kMore, Role::named,
     "Of those: how many the reading program took; requests that were answered."},
    {"datagrams.unread", &DatagramCounts::unread, kFewer, Role::named,
     "Of those: how many waited in the reader's socket at the end."},
    {"datagrams.lost", &DatagramCounts::lost, kFewer, Role::reported,
     "Of those: how many were neither taken nor waited."},
    {"datagrams.reordered", &DatagramCounts::reordered, kFewer, Role::reported,
     "Of those taken: how many came after one that was sent later."},
    {"datagrams.duplicated", &DatagramCounts::duplicated, kFewer, Role::named,
     "Of those taken: how many came once more."},
    {"datagrams.delivered", &DatagramCounts::delivered, kMore, Role::named,
     "Datagrams that the reading program took within the window, whenever sent."},
};

// Of the flow groups of UDP alone: the others have none.
std::optional<std::uint64_t> sum_of(const RepetitionView& view, Figure figure) {
  std::optional<std::uint64_t> sum;
  for (const auto& flow : view.repetition().flows) {
    if (!view.whole() && &flow != view.flow()) continue;
    if (flow.datagrams) sum = sum.value_or(0) + *flow.datagrams.*figure;
  }
  return sum;
}

constexpr const char* kNoDatagrams = "no datagrams were counted: it is not UDP, or had no result";

Metric make_metric(const DatagramRow& row) {
  return {.name = std::string(row.name),
          .direction = row.direction,
          .role = row.role,
          .resolution = 1,
          .smallest_relative = kCentralChange,
          .smallest_absolute = 10,
          .meaning = std::string(row.meaning),
          .read = [figure = row.figure](RepetitionView& view) {
            const auto sum = sum_of(view, figure);
            return sum ? present(static_cast<double>(*sum)) : absent(kNoDatagrams);
          }};
}

Reading read_loss(RepetitionView& view) {
  const auto sent = sum_of(view, &DatagramCounts::sent);
  const auto lost = sum_of(view, &DatagramCounts::lost);
  if (!sent || !lost) return absent(kNoDatagrams);
  if (*sent == 0) return absent("no datagram was sent");
  return present(static_cast<double>(*lost) / static_cast<double>(*sent));
}

Metric loss() {
  return {.name = "datagrams.loss",
          .role = Role::reported,
          .resolution = 1e-6,
          .smallest_relative = kCentralChange,
          .smallest_absolute = 1e-3,
          .meaning = "The share of the datagrams sent that was lost, from 0 to 1.",
          .read = read_loss};
}

struct UdpCounterRow {
  std::string_view name;
  std::string_view counter;  // of Udp and of Udp6
  std::string_view meaning;
};

constexpr UdpCounterRow kUdpCounterRows[] = {
    {"udp.in_datagrams", "InDatagrams", "Datagrams that programs of either side read."},
    {"udp.out_datagrams", "OutDatagrams", "Datagrams that programs of either side sent."},
    {"udp.rcvbuf_errors", "RcvbufErrors",
     "Datagrams that found no room in a receive buffer of either side."},
    {"udp.mem_errors", "MemErrors",
     "Datagrams that found no memory of UDP (net.ipv4.udp_mem) on either side."},
    {"udp.sndbuf_errors", "SndbufErrors",
     "Datagrams of either side that the kernel dropped in sending: no memory, or the device took "
     "none."},
};

Reading read_udp_counter(const Repetition& repetition, std::string_view counter) {
  double sum = 0;
  for (const auto* place : {&repetition.client, &repetition.server}) {
    if (place->counters.empty() && place->gauges.empty()) {
      return absent("kernel counters were not measured");
    }
    for (const auto* group : {"Udp", "Udp6"}) {
      const auto found = place->counters.find(fmt::format("{}.{}", group, counter));
      if (found != place->counters.end()) sum += static_cast<double>(found->second);
    }
  }
  return present(sum);
}

Metric make_metric(const UdpCounterRow& row) {
  return {.name = std::string(row.name),
          .scope = Scope::whole,
          .role = Role::named,
          .resolution = 1,
          .smallest_relative = kCentralChange,
          .smallest_absolute = 10,
          .parts = {ReportPart::kernel},
          .meaning = fmt::format("{} (Udp.{} and Udp6.{})", row.meaning, row.counter, row.counter),
          .read = [counter = row.counter](RepetitionView& view) {
            return read_udp_counter(view.repetition(), counter);
          }};
}

}  // namespace

void add_datagram_metrics(std::vector<Metric>& catalogue) {
  for (const auto& row : kDatagramRows) catalogue.push_back(make_metric(row));
  catalogue.push_back(loss());
  for (const auto& row : kUdpCounterRows) catalogue.push_back(make_metric(row));
}

}  // namespace netstall
