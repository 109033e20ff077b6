#include "model/scenario_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/nearest.hpp"
#include "model/axes.hpp"
#include "model/datagram_size.hpp"
#include "model/profile.hpp"
#include "model/scenario_keys.hpp"
#include "model/size_distribution.hpp"
#include "model/take_value.hpp"

namespace netstall {
namespace {

using nlohmann::json;

// The names of the keys of one object.
struct KeyNames {
  std::vector<std::string_view> names;
  template <class T, class What>
  void operator()(std::string_view key, T&, const What&) {
    names.push_back(key);
  }
  template <class T, class What>
  void required(std::string_view key, T&, const What&) {
    names.push_back(key);
  }
};

// Sysctl values as people write them: a text, or a whole number.
std::optional<std::string> sysctl_value(const json& value) {
  if (value.is_number_integer()) return value.dump();
  auto text = normal_sysctl_value(text_of(value));
  if (!is_sysctl_value(text)) return std::nullopt;
  return text;
}

// Reads values into members, and says what is wrong with those that do not fit.
class Reader {
 public:
  explicit Reader(Faults& faults) : faults_(faults) {}

  // A value of one of the kinds above.
  template <class T, class What>
  void read(const json& value, const Place& place, T& out, const What& what) {
    if (!take(value, out, what)) faults_.add(place, shown(value), what.allowed());
  }

  template <class T, class What>
  void read(const json& value, const Place& place, std::optional<T>& out, const What& what) {
    read(value, place, out.emplace(), what);
  }

  template <class T>
  void read(const json& value, const Place& place, std::optional<T>& out, const Object& what) {
    read(value, place, out.emplace(), what);
  }

  template <class E>
  void read(const json& value, const Place& place, E& out, const OneOf<E>& what) {
    const auto text = text_of(value);
    if (const auto known = named<E>(text)) {
      out = *known;
    } else {
      faults_.add(place, shown(value), what.allowed(), nearest_word(text, Names<E>::list));
    }
  }

  void read(const json& value, const Place& place, SysctlMap& out, const Sysctls& what);
  void read(const json& value, const Place& place, std::set<std::string>& out,
            const SysctlNames& what);
  void read(const json& value, const Place& place, std::map<std::string, std::string>& out,
            const Labels& what);

  template <class E>
  void read(const json& value, const Place& place, std::vector<E>& out, const SetOf<E>& what) {
    if (!value.is_array()) return faults_.add(place, shown(value), what.allowed());
    out.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Place here(place, i);
      E one{};
      const auto before = faults_.count();
      read(value[i], here, one, OneOf<E>{});
      if (faults_.count() != before) continue;
      if (std::find(out.begin(), out.end(), one) != out.end()) {
        faults_.add(here, shown(value[i]) + " for the second time", what.allowed());
      } else {
        out.push_back(one);
      }
    }
  }

  template <class T>
  void read(const json& value, const Place& place, std::vector<T>& out, const List& what) {
    if (!value.is_array() || value.size() < what.min || value.size() > what.max) {
      faults_.add(place,
                  value.is_array() ? fmt::format("a list of {}", value.size()) : shown(value),
                  what.allowed());
      return;
    }
    out.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
      read(value[i], Place(place, i), out.emplace_back(), Object{});
    }
  }

  template <class T>
  void read(const json& value, const Place& place, T& out, const Object& what) {
    if (!value.is_object()) return faults_.add(place, shown(value), what.allowed());
    KeyVisitor visitor{*this, value, place};
    keys(visitor, out);
    if (visitor.seen < value.size()) {
      KeyNames known;
      keys(known, out);
      add_unknown_keys(value, place, known.names);
    }
    check(place, out);
  }

 private:
  // Reads the keys of one object as keys() visits them.
  struct KeyVisitor {
    Reader& reader;
    const json& object;
    const Place& place;
    std::size_t seen = 0;

    template <class T, class What>
    bool operator()(const char* key, T& out, const What& what) {
      const auto at = object.find(key);
      if (at == object.end()) return false;
      ++seen;
      reader.read(*at, Place(place, key), out, what);
      return true;
    }

    template <class T, class What>
    void required(const char* key, T& out, const What& what) {
      if (!(*this)(key, out, what))
        reader.faults_.add(Place(place, key), "nothing", what.allowed());
    }
  };

  void add_unknown_keys(const json& object, const Place& place,
                        const std::vector<std::string_view>& known);

  // What concerns several keys of one object; called after its keys are read.
  template <class T>
  void check(const Place&, T&) {}
  void check(const Place& place, UniformSizes& sizes);
  void check(const Place& place, LogNormalSizes& sizes);
  void check(const Place& place, ParetoSizes& sizes);
  void check(const Place& place, PayloadDraft& payload);
  void check(const Place& place, PaceDraft& pace);
  void check(const Place& place, ReaderSpec& reader);
  void check(const Place& place, SocketSpec& socket);
  void check(const Place& place, Keepalive& keepalive);
  void check_pattern(const Place& place, const FlowDraft& flow);
  void check_datagrams(const Place& place, const FlowDraft& flow);
  void check_multicast(const Place& place, const FlowDraft& flow);
  void check_datagram_sizes(const Place& place, const PayloadDraft& payload, Family family);
  void check(const Place& place, FlowDraft& flow);
  void check(const Place& place, LinkSpec& link);
  void check(const Place& place, PerSide<std::string>& devices);
  void check(const Place& place, LabSpec& lab);
  void check(const Place& place, SysctlSpec& sysctl);
  void check(const Place& place, Timing& timing);
  void check(const Place& place, ExpectationDraft& draft);

  std::optional<double> messages_per_s(const Place& place, const Rate& rate, const FlowDraft& flow,
                                       double mean_size);

  Faults& faults_;
};

void Reader::read(const json& value, const Place& place, SysctlMap& out, const Sysctls& what) {
  if (!value.is_object()) return faults_.add(place, shown(value), what.allowed());
  for (const auto& [name, entry] : value.items()) {
    const Place here(place, name);
    if (!what.accepts_name(name)) {
      const auto dotted = dotted_sysctl(name);
      faults_.add(here, "the name " + shown_text(name), what.allowed_name(),
                  dotted != name && what.accepts_name(dotted) ? dotted : std::string());
    }
    if (auto text = sysctl_value(entry)) {
      out.insert_or_assign(name, std::move(*text));
    } else {
      faults_.add(here, shown(entry), R"(a value as a text or whole number, such as "4096 16384")");
    }
  }
}

void Reader::read(const json& value, const Place& place, std::set<std::string>& out,
                  const SysctlNames& what) {
  if (!value.is_array()) return faults_.add(place, shown(value), what.allowed());
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (is_sysctl_name(text_of(value[i]))) {
      out.emplace(text_of(value[i]));
    } else {
      faults_.add(Place(place, i), shown(value[i]), Sysctls{false}.allowed_name());
    }
  }
}

void Reader::read(const json& value, const Place& place, std::map<std::string, std::string>& out,
                  const Labels& what) {
  if (!value.is_object() || value.empty()) return faults_.add(place, shown(value), what.allowed());
  for (const auto& [axis, label] : value.items()) {
    // As in the sweep: a value is its own label.
    if (label.is_structured() && !axis.starts_with('/')) {
      faults_.add(Place(place, axis), shown(label), "a label of that axis");
    } else {
      out.emplace(axis, label_of(label));
    }
  }
}

void Reader::add_unknown_keys(const json& object, const Place& place,
                              const std::vector<std::string_view>& known) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    faults_.add(Place(place, key), "an unknown key",
                fmt::format("one of {}", fmt::join(known, ", ")), nearest_word(key, known));
  }
}

void Reader::check(const Place& place, UniformSizes& sizes) {
  if (sizes.min <= sizes.max) return;
  faults_.add(place, "a max below min", "a range that a size can lie in");
}

void Reader::check(const Place& place, LogNormalSizes& sizes) {
  if (sizes.min <= sizes.median && sizes.median <= sizes.max) return;
  faults_.add(place, "a median that is not from min to max", "min <= median <= max");
}

void Reader::check(const Place& place, ParetoSizes& sizes) {
  if (sizes.min <= sizes.max) return;
  faults_.add(place, "a max below min", "a range that a size can lie in");
}

void Reader::check(const Place& place, PayloadDraft& payload) {
  const int given = int{payload.fixed.has_value()} + int{payload.uniform.has_value()} +
                    int{payload.log_normal.has_value()} + int{payload.pareto.has_value()} +
                    int{payload.weighted.has_value()} + int{payload.sequence.has_value()} +
                    int{payload.file.has_value()};
  if (given == 1) return;
  KeyNames known;
  keys(known, payload);
  faults_.add(place, given == 0 ? "no size" : "several kinds of sizes",
              fmt::format("one of {}", fmt::join(known.names, ", ")));
}

void Reader::check(const Place& place, PaceDraft& pace) {
  for (std::size_t i = 1; i < pace.schedule.size(); ++i) {
    if (pace.schedule[i - 1].at < pace.schedule[i].at) continue;
    const Place schedule(place, "schedule");
    const Place change(schedule, i);
    faults_.add(Place(change, "at"), to_text(pace.schedule[i].at), "a time after the one before");
  }
}

void Reader::check(const Place& place, ReaderSpec& reader) {
  for (std::size_t i = 1; i < reader.freeze.size(); ++i) {
    const auto& before = reader.freeze[i - 1];
    if (before.at + before.lasting <= reader.freeze[i].at) continue;
    const Place list(place, "freeze");
    const Place freeze(list, i);
    faults_.add(Place(freeze, "at"), to_text(reader.freeze[i].at),
                "a time after the end of the one before");
  }
  const bool otherwise =
      reader.bytes_per_s || reader.stop_after || reader.share < 1 || !reader.freeze.empty();
  if (reader.io == ReaderIo::blocking && otherwise) {
    faults_.add(Place(place, "io"), R"("blocking" beside a rate, a stop, a freeze or a share)",
                R"("epoll"; a thread of its own reads a connection at once, with "chunk" at most)");
  }
  if (reader.rate_sigma > 0 && !reader.bytes_per_s) {
    faults_.add(Place(place, "rate_sigma"), "no rate beside it", R"("rate", which is the median)");
  }
}

void Reader::check(const Place& place, SocketSpec& socket) {
  if (socket.force_buffers && !socket.sndbuf && !socket.rcvbuf) {
    faults_.add(Place(place, "force_buffers"), "no buffer beside it", R"("sndbuf" or "rcvbuf")");
  }
  if (socket.user_timeout &&
      *socket.user_timeout % std::chrono::milliseconds(1) != Nanoseconds(0)) {
    faults_.add(Place(place, "user_timeout"), to_text(*socket.user_timeout), "whole milliseconds");
  }
  if (socket.busy_poll && *socket.busy_poll % std::chrono::microseconds(1) != Nanoseconds(0)) {
    faults_.add(Place(place, "busy_poll"), to_text(*socket.busy_poll), "whole microseconds");
  }
  if (socket.linger && *socket.linger % std::chrono::seconds(1) != Nanoseconds(0)) {
    faults_.add(Place(place, "linger"), to_text(*socket.linger), "whole seconds");
  }
}

void Reader::check(const Place& place, Keepalive& keepalive) {
  for (const auto& [key, value] :
       {std::pair{"idle", keepalive.idle}, std::pair{"interval", keepalive.interval}}) {
    if (value % std::chrono::seconds(1) == Nanoseconds(0)) continue;
    faults_.add(Place(place, key), to_text(value), "whole seconds");
  }
}

// What a pattern does not do is refused, not passed over.
void Reader::check_pattern(const Place& place, const FlowDraft& flow) {
  const auto& group = flow.group;
  const auto refuse = [&](const char* key, bool given, std::string_view allowed) {
    if (!given) return;
    faults_.add(Place(place, key),
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
    faults_.add(Place(reader_place, "io"),
                fmt::format("\"blocking\" with pattern {}", shown_text(name_of(group.pattern))),
                R"("epoll"; only "stream" has a reading thread for each connection)");
  }
  if (threads && group.acknowledge) {
    faults_.add(Place(place, "acknowledge"), "blocking readers beside it",
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
    faults_.add(Place(socket, key),
                fmt::format("{} with pattern {}", key, shown_text(name_of(group.pattern))),
                std::string(allowed));
  };
  refuse_option("zerocopy", group.socket.zerocopy && group.pattern != Pattern::stream,
                R"(it with "stream" alone)");
  if (group.socket.zerocopy && (group.io == Io::level_triggered || group.io == Io::io_uring)) {
    faults_.add(Place(socket, "zerocopy"),
                fmt::format("zerocopy with io {}", shown_text(name_of(group.io))),
                R"(it with "blocking" or "nonblocking")");
  }
  if (group.socket.zerocopy && group.acknowledge) {
    faults_.add(Place(place, "acknowledge"), "zerocopy beside it",
                "one of them: the kernel's notes of both come by one queue");
  }
  refuse_option("linger", group.socket.linger.has_value() && !connects, only_connects);
  const std::string_view made_late =
      "another pattern: its sockets are made when workers have no privileges any more";
  refuse_option("force_buffers", connects && group.socket.force_buffers, made_late);
  refuse_option("busy_poll", connects && group.socket.busy_poll.has_value(), made_late);
  if (flow.think && flow.pace) {
    faults_.add(Place(place, "think"), "a pace beside it",
                "one of them: a pace says when requests are due");
  }
  if (group.pattern != Pattern::idle) return;
  const std::string_view nothing = "nothing: idle connections carry no message";
  refuse("payload", flow.payload.has_value(), nothing);
  refuse("pace", flow.pace.has_value(), nothing);
  refuse("reader", reader, nothing);
}

// What only TCP has, and what does not fit into a datagram.
void Reader::check_datagrams(const Place& place, const FlowDraft& flow) {
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
    faults_.add(Place(socket, key),
                fmt::format("{} with pattern {}", key, shown_text(name_of(pattern))),
                "it with a pattern of TCP: UDP has no such option");
  }
  check_multicast(place, flow);
  if (flow.group.reader.chunk && is_one_way(pattern)) {
    const Place reader(place, "reader");
    faults_.add(Place(reader, "chunk"),
                fmt::format("chunk with pattern {}", shown_text(name_of(pattern))),
                "no chunk: a datagram is read whole, or its rest is lost");
  }
  if (flow.payload) {
    check_datagram_sizes(Place(place, "payload"), *flow.payload, flow.group.family);
  }
  if (flow.response) {
    check_datagram_sizes(Place(place, "response"), *flow.response, flow.group.family);
  }
}

// A socket can join a group once.
void Reader::check_multicast(const Place& place, const FlowDraft& flow) {
  if (!flow.multicast) return;
  const auto& [groups, per_socket] = *flow.multicast;
  const Place multicast(place, "multicast");
  if (groups > flow.group.connections) {
    faults_.add(Place(multicast, "groups"), fmt::to_string(groups),
                fmt::format("at most {}, as there are connections: one joins each group",
                            flow.group.connections));
  }
  if (per_socket > groups) {
    faults_.add(Place(multicast, "per_socket"), fmt::to_string(per_socket),
                fmt::format("at most {}, as there are groups: a socket joins each once", groups));
  }
}

void Reader::check_datagram_sizes(const Place& place, const PayloadDraft& payload, Family family) {
  const auto check_size = [&](const Place& at, Bytes size) {
    const auto most = most_datagram(family);
    if (size.count >= kLeastDatagram && size.count <= most) return;
    faults_.add(at, to_text(size),
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
std::optional<double> Reader::messages_per_s(const Place& place, const Rate& rate,
                                             const FlowDraft& flow, double mean_size) {
  auto messages = rate.per_second;
  if (messages <= 0) return std::nullopt;
  if (rate.of == Rate::Of::bytes) messages /= mean_size;
  if (flow.pace->per == PaceOf::group) {
    // One socket sends to each multicast group at the pace.
    const bool multicast = flow.group.pattern == Pattern::multicast;
    messages /= std::max(multicast ? flow.group.multicast.groups : flow.group.connections, 1U);
  }
  if (messages >= kMinMessagesPerSecond && messages <= kMaxMessagesPerSecond) return messages;
  faults_.add(place, fmt::format("{} messages a second", messages),
              fmt::format("{} to {} messages a second on a connection", kMinMessagesPerSecond,
                          kMaxMessagesPerSecond));
  return std::nullopt;
}

void Reader::check(const Place& place, FlowDraft& flow) {
  check_pattern(place, flow);
  if (is_udp(flow.group.pattern)) check_datagrams(place, flow);
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
  const auto rate = messages_per_s(Place(pace_place, "rate"), flow.pace->rate, flow, mean_size);
  pace.messages_per_s = rate.value_or(0);
  pace.arrival = flow.pace->arrival;
  pace.burst = flow.pace->burst;
  const Place schedule(pace_place, "schedule");
  bool good = rate.has_value();
  for (std::size_t i = 0; i < flow.pace->schedule.size(); ++i) {
    const auto& change = flow.pace->schedule[i];
    const Place change_place(schedule, i);
    const auto then = messages_per_s(Place(change_place, "rate"), change.rate, flow, mean_size);
    pace.schedule.push_back({change.at, then.value_or(0)});
    good = good && then;
  }
  if (good) flow.group.pace = std::move(pace);
}

void Reader::check(const Place& place, LinkSpec& link) {
  const bool shaped = link.delay || link.loss || link.bytes_per_s;
  for (const auto side : {Side::client, Side::server}) {
    if (!shaped || !link.qdisc[side]) continue;
    const auto key = fmt::format("{}_qdisc", name_of(side));
    faults_.add(Place(place, key), "a root qdisc beside delay, loss or rate",
                "one or the other: those three are made by root qdiscs of both ends");
  }
}

void Reader::check(const Place& place, PerSide<std::string>& devices) {
  if (devices.client.empty() || devices.client != devices.server) return;
  faults_.add(Place(place, "server"), "the client's device",
              "another one, which is cabled to it: each side has a port of its own");
}

void Reader::check(const Place& place, LabSpec& lab) {
  const auto& of_tcp = lab.tcp_memory_limit;
  const auto& limit = lab.memory_limit;
  if ((of_tcp.client || of_tcp.server) && (limit.client.any() || limit.server.any())) {
    faults_.add(Place(place, "memory_limit"), "a limit beside tcp_memory_limit",
                "one or the other: the first is of cgroup v2, the second of v1, and a machine's "
                "memory controller is in one of them");
  }
  if (!lab.devices) return;
  if (lab.clients > 1) {
    faults_.add(Place(place, "clients"), fmt::format("{} beside devices", lab.clients),
                "1: two ports that are cabled to each other join one client and the server");
  }
  const Place placement(place, "placement");
  for (const auto side : {Side::client, Side::server}) {
    if (!lab.placement[side].softirq_cpus) continue;
    const Place there(placement, name_of(side));
    faults_.add(Place(there, "softirq_cpus"), "the softirqs of a port of the machine",
                "none beside devices: their CPUs are the machine's to set");
  }
}

void Reader::check(const Place& place, SysctlSpec& sysctl) {
  const Place window(place, "window");
  for (const auto& [key, value] : sysctl.window) {
    if (!sysctl.host.contains(key)) continue;
    faults_.add(Place(window, key), "a sysctl that stands under host too",
                "a name under host or under window");
  }
}

void Reader::check(const Place& place, Timing& timing) {
  if (!timing.until) return;
  const Place until(place, "until");
  if (timing.until->within <= 0) {
    faults_.add(Place(until, "within"), "0 %", "more: no interval is as narrow");
  }
  if (timing.until->at_most < timing.repetitions) {
    faults_.add(Place(until, "at_most"), fmt::format("{}", timing.until->at_most),
                fmt::format("at least the {} of /timing/repetitions", timing.repetitions));
  }
}

void Reader::check(const Place& place, ExpectationDraft& draft) {
  auto& expectation = draft.expectation;
  bool alike = true;
  std::optional<Quantity> quantity;
  for (const auto* bound : {&draft.at_most, &draft.at_least, &draft.equals}) {
    if (!*bound) continue;
    alike = alike && quantity.value_or((*bound)->quantity) == (*bound)->quantity;
    quantity = (*bound)->quantity;
  }
  if (!quantity) {
    faults_.add(place, "no bound", R"("at_most" or "at_least", or both, or "equals")");
  } else if (draft.equals && (draft.at_most || draft.at_least)) {
    faults_.add(place, "equals beside another bound", R"("equals" alone)");
  } else if (!alike) {
    faults_.add(place, "at_most and at_least in different units", "one unit for both");
  } else if (!expectation.against.empty() && quantity != Quantity::number) {
    faults_.add(place, "a bound with a unit, against another cell",
                "a number: how many times what that cell has");
  } else if (draft.at_most && draft.at_least && draft.at_most->value < draft.at_least->value) {
    faults_.add(place, "at_most below at_least", "a range that a value can lie in");
  }
  const auto value_of = [](const std::optional<BoundDraft>& bound) {
    return bound ? std::optional(bound->value) : std::nullopt;
  };
  expectation.at_most = value_of(draft.at_most);
  expectation.at_least = value_of(draft.at_least);
  expectation.equals = value_of(draft.equals);
  expectation.quantity = quantity.value_or(Quantity::number);
}

std::vector<FlowGroup> finished(std::vector<FlowDraft> drafts) {
  std::vector<FlowGroup> groups;
  groups.reserve(drafts.size());
  for (auto& draft : drafts) groups.push_back(std::move(draft.group));
  return groups;
}

std::vector<Expectation> finished(std::vector<ExpectationDraft> drafts) {
  std::vector<Expectation> expectations;
  expectations.reserve(drafts.size());
  for (auto& draft : drafts) expectations.push_back(std::move(draft.expectation));
  return expectations;
}

}  // namespace

void read_scenario(const json& document, Faults& faults, Scenario& out) {
  ScenarioDraft draft;
  Reader(faults).read(document, Place(), draft, Object{});
  out = std::move(draft.scenario);
  out.flows = finished(std::move(draft.flows));
  out.expect = finished(std::move(draft.expect));
}

void read_part(const json& json, const Place& place, Faults& faults, LabSpec& out) {
  Reader(faults).read(json, place, out, Object{});
}

void read_part(const json& json, const Place& place, Faults& faults, SysctlSpec& out) {
  Reader(faults).read(json, place, out, Object{});
}

void read_part(const json& json, const Place& place, Faults& faults, Timing& out) {
  Reader(faults).read(json, place, out, Object{});
}

void read_part(const json& json, const Place& place, Faults& faults, std::vector<ProbeId>& out) {
  Reader(faults).read(json, place, out, SetOf<ProbeId>{});
}

void read_part(const json& json, const Place& place, Faults& faults, FlowGroup& out) {
  FlowDraft draft;
  Reader(faults).read(json, place, draft, Object{});
  out = std::move(draft.group);
}

void read_part(const json& json, const Place& place, Faults& faults, std::vector<FlowGroup>& out) {
  std::vector<FlowDraft> drafts;
  Reader(faults).read(json, place, drafts, List{1, kMaxFlows});
  out = finished(std::move(drafts));
}

void read_part(const json& json, const Place& place, Faults& faults,
               std::vector<Expectation>& out) {
  std::vector<ExpectationDraft> drafts;
  Reader(faults).read(json, place, drafts, List{0, kMaxExpectations});
  out = finished(std::move(drafts));
}

void check_names(const Scenario& scenario, Faults& faults) {
  const Place root;
  const Place flows(root, "flows");
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < scenario.flows.size(); ++i) {
    const auto& name = scenario.flows[i].name;
    if (name.empty()) continue;  // a fault already
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      const Place flow(flows, i);
      faults.add(Place(flow, "name"), shown_text(name), "a name that no other flow group has");
    } else {
      names.push_back(name);
    }
  }
  const auto check_flow = [&](const Place& place, const std::string& flow) {
    if (flow.empty() || std::find(names.begin(), names.end(), flow) != names.end()) return;
    faults.add(Place(place, "flow"), shown_text(flow),
               fmt::format("a flow group: {}", fmt::join(names, ", ")), nearest_word(flow, names));
  };
  const Place expect(root, "expect");
  for (std::size_t i = 0; i < scenario.expect.size(); ++i) {
    check_flow(Place(expect, i), scenario.expect[i].flow);
  }
  const Place timing(root, "timing");
  if (scenario.timing.until) check_flow(Place(timing, "until"), scenario.timing.until->flow);
}

void check_clients(const Scenario& scenario, Faults& faults) {
  const auto clients = scenario.lab.clients;
  if (clients == 1 || scenario.lab.devices) return;  // which are a fault of their own
  const Place root;
  const Place lab(root, "lab");
  const Place flows(root, "flows");
  std::uint64_t connections = 0;
  for (std::size_t i = 0; i < scenario.flows.size(); ++i) {
    connections += scenario.flows[i].connections;
    if (scenario.flows[i].pattern != Pattern::multicast) continue;
    const Place flow(flows, i);
    faults.add(Place(flow, "pattern"), fmt::format("multicast with {} clients", clients),
               "another pattern, or one client: those that join are in one namespace");
  }
  if (connections >= clients || !faults.empty()) return;
  faults.add(Place(lab, "clients"), fmt::format("{} with {} connections", clients, connections),
             "at most as many as there are connections: each client has one");
}

void check_against(const Scenario& scenario, const std::vector<AxisChanges>& axes, Faults& faults) {
  const Place root;
  const Place expect(root, "expect");
  std::vector<std::string_view> names;
  for (const auto& axis : axes) names.push_back(axis.name);
  for (std::size_t i = 0; i < scenario.expect.size(); ++i) {
    const Place expectation(expect, i);
    const Place against(expectation, "against");
    for (const auto& [name, label] : scenario.expect[i].against) {
      const Place here(against, name);
      const auto axis =
          std::find_if(axes.begin(), axes.end(),
                       [&wanted = name](const AxisChanges& one) { return one.name == wanted; });
      if (axis == axes.end()) {
        faults.add(here, "an axis that is not swept",
                   names.empty() ? "a sweep with other cells"
                                 : fmt::format("an axis: {}", fmt::join(names, ", ")),
                   nearest_word(name, names));
        continue;
      }
      std::vector<std::string_view> labels;
      for (const auto& value : axis->values) labels.emplace_back(value.label);
      if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
      constexpr std::size_t kShown = 20;
      const auto shown_labels = std::span(labels).first(std::min(labels.size(), kShown));
      faults.add(here, shown_text(label),
                 fmt::format("a label: {}{}", fmt::join(shown_labels, ", "),
                             labels.size() > kShown ? ", ..." : ""),
                 nearest_word(label, labels));
    }
  }
}

}  // namespace netstall
