#include "bench/report/path.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <initializer_list>

#include "base/units.hpp"

namespace netstall {
namespace {

constexpr std::size_t kHost = 2;

// Counters of the sides that send, or that read.
class Counters {
 public:
  Counters(const CellDigest& cell, std::optional<Side> side) {
    for (std::size_t i = 0; i < 2; ++i) {
      if (!side || static_cast<std::size_t>(*side) == i) add(cell.kernel[i]);
    }
  }
  explicit Counters(const KernelCounters& counters) { add(counters); }

  // A counter that did not move is left out of a report: 0, if any others are there.
  std::optional<std::uint64_t> sum(std::initializer_list<const char*> names) const {
    if (!known()) return std::nullopt;
    std::uint64_t total = 0;
    for (const auto* name : names) {
      for (const auto* counters : sets_) {
        const auto found = counters->counters.find(name);
        if (found != counters->counters.end() && found->second > 0) {
          total += static_cast<std::uint64_t>(found->second);
        }
      }
    }
    return total;
  }
  std::uint64_t of(const char* name) const { return sum({name}).value_or(0); }
  bool known() const { return !sets_.empty(); }

 private:
  void add(const KernelCounters& counters) {
    if (!counters.counters.empty()) sets_.push_back(&counters);
  }
  std::vector<const KernelCounters*> sets_;
};

// Adds a fact, unless it is that something never happened.
void add_count(Station& station, const char* what, std::uint64_t count) {
  if (count > 0) station.facts.emplace_back(what, human_count(static_cast<double>(count)));
}

std::string buffer_text(const SizesDigest& sizes) {
  if (!sizes.initial && !sizes.final_median) return {};
  std::string text;
  if (sizes.initial) text = human_bytes(static_cast<double>(*sizes.initial));
  if (sizes.final_median && sizes.final_median != sizes.initial) {
    text += fmt::format("{}{}", text.empty() ? "" : " → ",
                        human_bytes(static_cast<double>(*sizes.final_median)));
  }
  return text;
}

// Where all flow groups have the same, once.
void add_buffers(Station& station, const CellDigest& cell, SizesDigest FlowDigest::*sizes) {
  std::vector<std::string> texts;
  for (const auto& flow : cell.flows) {
    auto text = buffer_text(flow.*sizes);
    if (text.empty() || std::find(texts.begin(), texts.end(), text) != texts.end()) continue;
    texts.push_back(std::move(text));
  }
  if (!texts.empty()) station.facts.emplace_back("size", fmt::format("{}", fmt::join(texts, ", ")));
}

struct Waiting {
  bool known = true;
  bool run_queue_known = true;
  double time_ns = 0;
  double run_queue_ns = 0;
  std::uint64_t stalls = 0;
  std::uint64_t messages = 0;
  std::uint64_t backlog = 0;
  std::vector<CauseTime> causes;
};

Waiting waiting_of(const CellDigest& cell) {
  Waiting sum;
  for (const auto& flow : cell.flows) {
    sum.known = sum.known && flow.measured;
    sum.run_queue_known = sum.run_queue_known && flow.run_queue_ns;
    sum.time_ns += static_cast<double>(flow.time_ns);
    sum.run_queue_ns += static_cast<double>(flow.run_queue_ns.value_or(0));
    sum.stalls += flow.stalls;
    sum.messages += flow.messages.value_or(0);
    sum.backlog += flow.backlog.value_or(0);
    for (const auto& cause : flow.causes) {
      const auto found = std::find_if(sum.causes.begin(), sum.causes.end(),
                                      [&](const CauseTime& c) { return c.cause == cause.cause; });
      if (found == sum.causes.end()) {
        sum.causes.push_back(cause);
      } else {
        found->time_ns += cause.time_ns;
        found->count += cause.count;
      }
    }
  }
  std::stable_sort(sum.causes.begin(), sum.causes.end(),
                   [](const CauseTime& a, const CauseTime& b) { return a.time_ns > b.time_ns; });
  return sum;
}

Station sending_program(const Waiting& waiting, const std::string& side) {
  Station station;
  station.name = "sending program";
  station.place = side;
  if (waiting.known && waiting.run_queue_known) station.waited_ns = waiting.run_queue_ns;
  add_count(station, "messages accepted", waiting.messages);
  add_count(station, "due, not yet accepted", waiting.backlog);
  station.waiting = "of the time woken, not yet running";
  return station;
}

Station send_buffer(const CellDigest& cell, const Waiting& waiting, const Counters& sender,
                    const std::string& side) {
  Station station;
  station.name = "send buffer";
  station.place = side;
  if (waiting.known) {
    station.waited_ns = waiting.time_ns - (waiting.run_queue_known ? waiting.run_queue_ns : 0);
    station.facts.emplace_back("stalls", human_count(static_cast<double>(waiting.stalls)));
    for (const auto& cause : waiting.causes) {
      station.facts.emplace_back(cause.cause, human_duration(static_cast<double>(cause.time_ns)));
    }
  }
  add_buffers(station, cell, &FlowDigest::sndbuf);
  add_count(station, "segments sent again", sender.of("Tcp.RetransSegs"));
  add_count(station, "retransmission timeouts", sender.of("TcpExt.TCPTimeouts"));
  add_count(station, "zero-window probes", sender.of("TcpExt.TCPWinProbe"));
  add_count(station, "aborted for want of memory", sender.of("TcpExt.TCPAbortOnMemory"));
  for (const auto& [where, limit] : cell.memory_limit) {
    if (where == side) station.facts.emplace_back("memory limit", limit);
  }
  if (!waiting.known) station.no_data = "stalls were not measured in every repetition";
  return station;
}

// What the report has no counters for is said, not left out: an empty station
// looks like one where nothing happened.
Station queueing(const Counters& sender, const std::string& side) {
  Station station;
  station.name = "qdisc";
  station.place = side;
  station.dropped = sender.sum({"qdisc.drops"});
  add_count(station, "held back by its rate", sender.of("qdisc.overlimits"));
  add_count(station, "segments TCP found still queued",
            sender.of("TcpExt.TCPSpuriousRtxHostQueues"));
  if (!station.dropped) station.no_data = "this run did not read the queue's counters";
  return station;
}

Station device(const Counters& sender, const std::string& side) {
  Station station;
  station.name = "device";
  station.place = side;
  if (!sender.known()) {
    station.no_data = "no counters of this side";
    return station;
  }
  add_count(station, "packets handed over", sender.of("Ip.OutTransmits"));
  add_count(station, "discarded by IP",
            sender.sum({"Ip.OutDiscards", "Ip6.OutDiscards"}).value_or(0));
  station.no_data = "this run did not read the device's own drops";
  return station;
}

// That of the reader's end.
Station ring(const CellDigest& cell, const std::optional<Side>& reader) {
  Station station;
  station.name = "ring";
  station.place = "link";
  std::uint64_t polled = 0;
  for (const auto& [side, napi] : cell.napi) {
    if (reader && side != name_of(*reader)) continue;
    if (!napi.enabled) continue;
    polled += static_cast<std::uint64_t>(napi.polled.value_or(0));
    if (napi.dropped)
      station.dropped = station.dropped.value_or(0) + static_cast<std::uint64_t>(*napi.dropped);
  }
  add_count(station, "packets polled by NAPI", polled);
  if (!station.dropped) {
    station.no_data = cell.napi.empty()
                          ? "this run did not read the ring's own drops"
                          : "a veth without NAPI has none: packets go straight to the softirq";
  }
  return station;
}

Station softirq(const KernelCounters& host) {
  Station station;
  station.name = "softirq";
  station.place = "whole machine";
  const Counters counters(host);
  station.dropped = counters.sum({"softnet.dropped"});
  if (!station.dropped) {
    station.no_data = "no counters of the machine";
    return station;
  }
  add_count(station, "packets", counters.of("softnet.processed"));
  add_count(station, "out of budget", counters.of("softnet.time_squeeze"));
  return station;
}

Station receive_buffer(const CellDigest& cell, const Counters& reader, const std::string& side) {
  Station station;
  station.name = "receive buffer";
  station.place = side;
  station.dropped = reader.sum({"TcpExt.TCPRcvQDrop", "TcpExt.RcvPruned", "TcpExt.OfoPruned",
                                "TcpExt.TCPZeroWindowDrop", "TcpExt.TCPBacklogDrop"});
  if (!station.dropped) station.no_data = "no counters of this side";
  add_buffers(station, cell, &FlowDigest::rcvbuf);
  add_count(station, "window closed", reader.of("TcpExt.TCPToZeroWindowAdv"));
  add_count(station, "window reopened", reader.of("TcpExt.TCPFromZeroWindowAdv"));
  add_count(station, "pruned for room", reader.of("TcpExt.PruneCalled"));
  add_count(station, "segments collapsed", reader.of("TcpExt.TCPRcvCollapsed"));
  for (const auto& [where, limit] : cell.memory_limit) {
    if (where == side) station.facts.emplace_back("memory limit", limit);
  }
  return station;
}

Station reading_program(const CellDigest& cell, const std::string& side) {
  Station station;
  station.name = "reading program";
  station.place = side;
  double goodput = 0;
  bool known = !cell.flows.empty();
  for (const auto& flow : cell.flows) {
    known = known && flow.goodput_bytes_per_s;
    goodput += flow.goodput_bytes_per_s.value_or(0);
  }
  if (known) {
    station.facts.emplace_back("took", human_bytes(goodput) + "/s");
  } else {
    station.no_data = "goodput was not measured";
  }
  return station;
}

std::string percent(double share) {
  const double value = 100 * share;
  if (value >= 99.95) return "100 %";
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  return fmt::format("{:.1f} %", value);
}

std::string where_sentence(const Path& path, const Waiting& waiting) {
  if (!waiting.known) return "Where bytes waited is not known: stalls were not measured.";
  if (waiting.time_ns <= 0) return "No byte waited for room in a send buffer.";
  const double share = path.connection_ns > 0 ? waiting.time_ns / path.connection_ns : 0;
  return fmt::format("A connection spent {} of its time waiting to hand over its next byte.",
                     percent(share));
}

std::string limits_text(const CellDigest& cell) {
  std::string text;
  for (const auto& [side, limit] : cell.memory_limit) {
    text += fmt::format("{}{} has a limit of {}", text.empty() ? "" : ", ", side, limit);
  }
  return text;
}

std::string why_sentence(const CellDigest& cell, const Waiting& waiting, const Counters& sender,
                         const Counters& reader) {
  if (!waiting.known || waiting.time_ns <= 0 || waiting.causes.empty()) return {};
  const auto& cause = waiting.causes.front().cause;
  if (cause == "mem_shortage" || cause == "sndbuf_moderated") {
    if (cell.memory_limit.empty()) {
      return "TCP memory was short: look at net.ipv4.tcp_mem against what TCP held.";
    }
    return fmt::format("TCP memory was short: {}.", limits_text(cell));
  }
  if (cause == "cgroup_throttle" && !cell.memory_limit.empty()) {
    return fmt::format("The memory cgroup made the program wait: {}.", limits_text(cell));
  }
  if (cause != "sndbuf_full") return {};
  const auto closed = reader.of("TcpExt.TCPToZeroWindowAdv");
  if (closed > 0) {
    return fmt::format(
        "The send buffer was full while the reader closed its window {} times: the reading "
        "program is the slow end.",
        human_count(static_cast<double>(closed)));
  }
  const auto again = sender.of("Tcp.RetransSegs");
  const auto sent = sender.of("Tcp.OutSegs");
  if (again * 1000 > sent && sent > 0) {
    return fmt::format(
        "The send buffer was full and {} of {} segments were sent again: the network loses or "
        "delays what the buffer must keep.",
        human_count(static_cast<double>(again)), human_count(static_cast<double>(sent)));
  }
  return "The send buffer was full, yet no window closed and almost nothing was lost: it is "
         "smaller than what the path holds in flight, or the link is the slow end.";
}

std::string side_text(std::optional<Side> side) {
  return side ? std::string(name_of(*side)) : std::string("both sides");
}

}  // namespace

std::string_view meaning_of_cause(std::string_view cause) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kMeanings{
      {{"sndbuf_full", "the send buffer was full"},
       {"sndbuf_moderated", "the kernel had shrunk the send buffer for want of TCP memory"},
       {"notsent_lowat", "as much was unsent as TCP_NOTSENT_LOWAT allows"},
       {"mem_shortage", "the kernel refused TCP memory"},
       {"receiver_drop", "the receiver dropped segments for want of memory"},
       {"cgroup_throttle", "the memory cgroup throttled the program"},
       {"eagain_spin", "send() was refused again and again, though polled as ready"},
       {"unknown", "the probe could not tell why"}}};
  for (const auto& [name, meaning] : kMeanings) {
    if (name == cause) return meaning;
  }
  return {};
}

Path path_of(const CellDigest& cell, std::optional<Side> sender) {
  const auto reader = sender ? std::optional(other(*sender)) : std::nullopt;
  const Counters at_sender(cell, sender);
  const Counters at_reader(cell, reader);
  const auto waiting = waiting_of(cell);
  const auto from = side_text(sender);
  const auto to = side_text(reader);
  Path path;
  for (const auto& flow : cell.flows) path.connection_ns += flow.connection_ns;
  path.stations = {sending_program(waiting, from),
                   send_buffer(cell, waiting, at_sender, from),
                   queueing(at_sender, from),
                   device(at_sender, from),
                   ring(cell, reader),
                   softirq(cell.kernel[kHost]),
                   receive_buffer(cell, at_reader, to),
                   reading_program(cell, to)};
  path.where = where_sentence(path, waiting);
  path.why = why_sentence(cell, waiting, at_sender, at_reader);
  return path;
}

}  // namespace netstall
