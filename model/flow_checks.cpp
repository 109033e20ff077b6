// Checks of a flow group: what its pattern does not do, and what does not fit.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "model/datagram_size.hpp"
#include "model/size_distribution.hpp"
#include "model/spec_checks.hpp"

namespace netstall {
namespace {

// What a pattern does not do is refused, not passed over.
void check_pattern(const Place& place, const FlowDraft& flow, Faults& faults) {
  const auto& group = flow.group;
  const auto refuse = [&](const char* key, bool given, std::string_view allowed) {
    if (!given) return;
    faults.add(Place(place, key),
               fmt::format("{} with pattern {}", key, shown_text(name_of(group.pattern))),
               std::string(allowed));
  };
  const bool requests = is_exchange(group.pattern);
  const bool connects = group.pattern == Pattern::connect;
  const bool threads = group.reader.io == ReaderIo::blocking;
  const bool reader = threads || group.reader.bytes_per_s || group.reader.chunk ||
                      group.reader.stop_after || group.reader.share < 1 ||
                      !group.reader.freeze.empty();
  refuse("io",
         group.io == Io::blocking && group.pattern != Pattern::stream &&
             group.pattern != Pattern::udp_stream,
         R"("nonblocking"; only "stream" and "udp-stream" have blocking senders)");
  refuse("io",
         group.io == Io::level_triggered && group.pattern != Pattern::stream &&
             group.pattern != Pattern::duplex,
         R"("nonblocking"; only senders of "stream" and "duplex" are level-triggered by choice)");
  refuse("io",
         group.io == Io::io_uring && group.pattern != Pattern::stream &&
             group.pattern != Pattern::duplex,
         R"("nonblocking"; only senders of "stream" and "duplex" can send by io_uring)");
  const std::string_view only_requests =
      R"(it with "request-response" or "udp-request-response" alone)";
  refuse("response", flow.response.has_value() && !requests && !connects,
         R"(it with "request-response", "udp-request-response" or "connect")");
  refuse("pipeline", flow.pipeline.has_value() && !requests, only_requests);
  refuse("think", flow.think.has_value() && !requests, only_requests);
  refuse("multicast", flow.multicast.has_value() && group.pattern != Pattern::multicast,
         R"(it with "multicast" alone)");
  refuse("reader", reader && (requests || connects),
         R"(it with "stream", "udp-stream" or "duplex")");
  if (threads && group.pattern != Pattern::stream) {
    const Place reader_place(place, "reader");
    faults.add(Place(reader_place, "io"),
               fmt::format("\"blocking\" with pattern {}", shown_text(name_of(group.pattern))),
               R"("epoll"; only "stream" has a reading thread for each connection)");
  }
  if (threads && group.acknowledge) {
    faults.add(Place(place, "acknowledge"), "blocking readers beside it",
               R"(one of them: readers that acknowledge wait by epoll)");
  }
  const std::string_view only_connects =
      R"(it with "connect" alone; connections of the others last, and are reset at the end)";
  refuse("closes", flow.closes.has_value() && !connects, only_connects);
  refuse("acknowledge", group.acknowledge && group.pattern != Pattern::stream,
         R"(it with "stream" alone: nothing else leaves the way back free)");
  refuse("sender", connects && group.sender != Side::client,
         R"("client": the side that connects asks)");
  const Place socket(place, "socket");
  const auto refuse_option = [&](const char* key, bool given, std::string_view allowed) {
    if (!given) return;
    faults.add(Place(socket, key),
               fmt::format("{} with pattern {}", key, shown_text(name_of(group.pattern))),
               std::string(allowed));
  };
  refuse_option("zerocopy", group.socket.zerocopy && group.pattern != Pattern::stream,
                R"(it with "stream" alone)");
  if (group.socket.zerocopy && (group.io == Io::level_triggered || group.io == Io::io_uring)) {
    faults.add(Place(socket, "zerocopy"),
               fmt::format("zerocopy with io {}", shown_text(name_of(group.io))),
               R"(it with "blocking" or "nonblocking")");
  }
  if (group.socket.zerocopy && group.acknowledge) {
    faults.add(Place(place, "acknowledge"), "zerocopy beside it",
               "one of them: the kernel's notes of both come by one queue");
  }
  refuse_option("linger", group.socket.linger.has_value() && !connects, only_connects);
  const std::string_view made_late =
      "another pattern: its sockets are made when workers have no privileges any more";
  refuse_option("force_buffers", connects && group.socket.force_buffers, made_late);
  refuse_option("busy_poll", connects && group.socket.busy_poll.has_value(), made_late);
  if (flow.think && flow.pace) {
    faults.add(Place(place, "think"), "a pace beside it",
               "one of them: a pace says when requests are due");
  }
  if (group.pattern != Pattern::idle) return;
  const std::string_view nothing = "nothing: idle connections carry no message";
  refuse("payload", flow.payload.has_value(), nothing);
  refuse("pace", flow.pace.has_value(), nothing);
  refuse("reader", reader, nothing);
}

// A socket can join a group once.
void check_multicast(const Place& place, const FlowDraft& flow, Faults& faults) {
  if (!flow.multicast) return;
  const auto& [groups, per_socket] = *flow.multicast;
  const Place multicast(place, "multicast");
  if (groups > flow.group.connections) {
    faults.add(Place(multicast, "groups"), fmt::to_string(groups),
               fmt::format("at most {}, as there are connections: one joins each group",
                           flow.group.connections));
  }
  if (per_socket > groups) {
    faults.add(Place(multicast, "per_socket"), fmt::to_string(per_socket),
               fmt::format("at most {}, as there are groups: a socket joins each once", groups));
  }
}

void check_datagram_sizes(const Place& place, const PayloadDraft& payload, Family family,
                          Faults& faults) {
  const auto check_size = [&](const Place& at, Bytes size) {
    const auto most = most_datagram(family);
    if (size.count >= kLeastDatagram && size.count <= most) return;
    faults.add(at, to_text(size),
               fmt::format("a size from {} (number and due time) to {}, which is the most that a "
                           "datagram over {} holds",
                           kLeastDatagram, most, name_of(family)));
  };
  const auto check_range = [&](const char* key, Bytes min, Bytes max) {
    const Place range(place, key);
    check_size(Place(range, "min"), min);
    check_size(Place(range, "max"), max);
  };
  if (payload.fixed) check_size(Place(place, "fixed"), *payload.fixed);
  if (payload.uniform) check_range("uniform", payload.uniform->min, payload.uniform->max);
  if (payload.log_normal) {
    check_range("log_normal", payload.log_normal->min, payload.log_normal->max);
  }
  if (payload.pareto) check_range("pareto", payload.pareto->min, payload.pareto->max);
  if (payload.weighted) {
    const Place list(place, "weighted");
    for (std::size_t i = 0; i < payload.weighted->size(); ++i) {
      const Place entry(list, i);
      check_size(Place(entry, "size"), (*payload.weighted)[i].size);
    }
  }
  if (payload.sequence) {
    const Place list(place, "sequence");
    for (std::size_t i = 0; i < payload.sequence->size(); ++i) {
      check_size(Place(list, i), (*payload.sequence)[i]);
    }
  }
}

// What only TCP has, and what does not fit into a datagram.
void check_datagrams(const Place& place, const FlowDraft& flow, Faults& faults) {
  const auto pattern = flow.group.pattern;
  const auto& options = flow.group.socket;
  const Place socket(place, "socket");
  for (const auto& [key, given] :
       {std::pair{"nodelay", options.nodelay.has_value()},
        std::pair{"notsent_lowat", options.notsent_lowat.has_value()},
        std::pair{"congestion_control", options.congestion_control.has_value()},
        std::pair{"user_timeout", options.user_timeout.has_value()},
        std::pair{"keepalive", options.keepalive.has_value()}}) {
    if (!given) continue;
    faults.add(Place(socket, key),
               fmt::format("{} with pattern {}", key, shown_text(name_of(pattern))),
               "it with a pattern of TCP: UDP has no such option");
  }
  check_multicast(place, flow, faults);
  if (flow.group.reader.chunk && is_one_way(pattern)) {
    const Place reader(place, "reader");
    faults.add(Place(reader, "chunk"),
               fmt::format("chunk with pattern {}", shown_text(name_of(pattern))),
               "no chunk: a datagram is read whole, or its rest is lost");
  }
  if (flow.payload) {
    check_datagram_sizes(Place(place, "payload"), *flow.payload, flow.group.family, faults);
  }
  if (flow.response) {
    check_datagram_sizes(Place(place, "response"), *flow.response, flow.group.family, faults);
  }
}

PayloadSpec finished(PayloadDraft draft) {
  PayloadSpec payload;
  if (draft.fixed) payload.fixed = *draft.fixed;
  payload.uniform = draft.uniform;
  payload.log_normal = draft.log_normal;
  payload.pareto = draft.pareto;
  if (draft.weighted) payload.weighted = std::move(*draft.weighted);
  if (draft.sequence) payload.sequence = std::move(*draft.sequence);
  return payload;
}

// Messages a second on one connection; nothing for a rate that is a fault already.
std::optional<double> messages_per_s(const Place& place, const Rate& rate, const FlowDraft& flow,
                                     double mean_size, Faults& faults) {
  auto messages = rate.per_second;
  if (messages <= 0) return std::nullopt;
  if (rate.of == Rate::Of::bytes) messages /= mean_size;
  if (flow.pace->per == PaceOf::group) {
    // One socket sends to each multicast group at the pace.
    const bool multicast = flow.group.pattern == Pattern::multicast;
    messages /= std::max(multicast ? flow.group.multicast.groups : flow.group.connections, 1U);
  }
  if (messages >= kMinMessagesPerSecond && messages <= kMaxMessagesPerSecond) return messages;
  faults.add(place, fmt::format("{} messages a second", messages),
             fmt::format("{} to {} messages a second on a connection", kMinMessagesPerSecond,
                         kMaxMessagesPerSecond));
  return std::nullopt;
}

}  // namespace

void check_keys(const Place& place, FlowDraft& flow, Faults& faults) {
  check_pattern(place, flow, faults);
  if (is_udp(flow.group.pattern)) check_datagrams(place, flow, faults);
  if (flow.payload) flow.group.payload = finished(std::move(*flow.payload));
  flow.group.response = flow.response ? finished(std::move(*flow.response)) : flow.group.payload;
  flow.group.pipeline = flow.pipeline.value_or(1);
  flow.group.closes = flow.closes.value_or(Side::server);
  flow.group.think = flow.think.value_or(Nanoseconds(0));
  flow.group.multicast = flow.multicast.value_or(MulticastSpec{});
  if (!flow.pace) return;
  const double mean_size = SizeDistribution(flow.group.payload).mean();
  const Place pace_place(place, "pace");
  PaceSpec pace;
  const auto rate =
      messages_per_s(Place(pace_place, "rate"), flow.pace->rate, flow, mean_size, faults);
  pace.messages_per_s = rate.value_or(0);
  pace.arrival = flow.pace->arrival;
  pace.burst = flow.pace->burst;
  pace.spin = flow.pace->spin;
  const Place schedule(pace_place, "schedule");
  bool good = rate.has_value();
  for (std::size_t i = 0; i < flow.pace->schedule.size(); ++i) {
    const auto& change = flow.pace->schedule[i];
    const Place change_place(schedule, i);
    const auto then =
        messages_per_s(Place(change_place, "rate"), change.rate, flow, mean_size, faults);
    pace.schedule.push_back({change.at, then.value_or(0)});
    good = good && then;
  }
  if (good) flow.group.pace = std::move(pace);
}

}  // namespace netstall
