#include "bench/run/flow_results.hpp"

#include <algorithm>
#include <map>

#include "loadgen/endpoint.hpp"

namespace netstall {
namespace {

template <class T>
void merge_into(std::optional<T>& into, const T& part) {
  if (into) {
    into->merge(part);
  } else {
    into = part;
  }
}

void add_counts(std::map<std::string, std::uint64_t>& into,
                const std::map<std::string, std::uint64_t>& part) {
  for (const auto& [name, count] : part) into[name] += count;
}

// A program sees that it waited, and how long; not why.
Stalls stalls_by_own_clock(const OwnStalls& own) {
  Stalls stalls;
  stalls.total.count = own.count;
  stalls.total.waits = own.waits;
  stalls.total.time_ns = own.time_ns;
  stalls.total.duration = own.duration;
  stalls.total.open_at_start = own.open_at_start;
  stalls.total.open_at_end = own.open_at_end;
  stalls.total.wait = std::nullopt;
  for (std::size_t i = 0; i < kCauses; ++i) stalls.by_cause[static_cast<Cause>(i)] = std::nullopt;
  for (std::size_t i = 0; i < kSubCauses; ++i) {
    stalls.by_sub_cause[static_cast<SubCause>(i)] = std::nullopt;
  }
  return stalls;
}

// How many connections of a flow group each side knows of.
struct Ends {
  PerSide<std::uint64_t> established{};
  PerSide<std::uint64_t> alive{};
  std::map<std::string, std::uint64_t> not_accepted;  // errno name → count
  // Of each multicast group: messages sent to it, and who has joined it.
  std::vector<std::uint64_t> sent_to;
  std::vector<std::uint64_t> joined;
};

void add_each(std::vector<std::uint64_t>& into, const std::vector<std::uint64_t>& part) {
  into.resize(std::max(into.size(), part.size()));
  for (std::size_t i = 0; i < part.size(); ++i) into[i] += part[i];
}

// `side` is the worker's; which buffer of which end counts follows from who sends.
void add_connected(FlowResult& flow, const FlowGroup& group, Side side, const ConnectedTask& task,
                   Ends& ends) {
  ends.established[side] += task.established;
  if (group.pattern == Pattern::multicast) {
    // Those that join, wherever they are: who sends has nobody to connect to.
    if (side != group.sender) add_counts(flow.connections_failed, task.failed);
  } else if (side == Side::client) {
    add_counts(flow.connections_failed, task.failed);
    if (task.connect) merge_into(flow.connect, *task.connect);
  } else {
    add_counts(ends.not_accepted, task.failed);
  }
  if (side == group.sender) {
    for (const auto& [name, value] : task.options) {
      if (!flow.options[name].initial) flow.options[name].initial = value;
    }
    if (task.sndbuf) flow.sndbuf.initial = task.sndbuf;
  } else if (task.rcvbuf) {
    flow.rcvbuf.initial = task.rcvbuf;
  }
}

// A connection counts where both ends have it: the kernel completes one that the
// server's program never accepts.
void count_connections(FlowResult& flow, const FlowGroup& group, const Ends& ends,
                       bool has_results) {
  if (group.pattern == Pattern::multicast) {
    flow.connections_established = ends.established[other(group.sender)];
    if (has_results) flow.connections_alive = ends.alive[other(group.sender)];
    return;
  }
  const auto client = ends.established[Side::client];
  const auto server = ends.established[Side::server];
  flow.connections_established = std::min(client, server);
  if (server < client) {
    add_counts(flow.connections_failed, ends.not_accepted);
    flow.connections_failed[kNotAccepted] += client - server;
  }
  if (has_results) {
    flow.connections_alive = std::min(ends.alive[Side::client], ends.alive[Side::server]);
  }
}

// Each end tells its part of the whole.
void add_datagrams(FlowResult& flow, const DatagramResult& part) {
  auto& all = flow.datagrams ? *flow.datagrams : flow.datagrams.emplace();
  all.sent += part.sent;
  all.received += part.received;
  all.unread += part.unread;
  all.reordered += part.reordered;
  all.duplicated += part.duplicated;
  all.delivered += part.delivered;
  if (part.delivery) merge_into(flow.delivery_latency, *part.delivery);
}

// What was neither read nor waits to be. A send() that was under way when the sender was
// asked, and was done when the reader was, is the reader's alone.
void count_lost(FlowResult& flow, const Ends& ends) {
  if (!flow.datagrams) return;
  auto& all = *flow.datagrams;
  if (!ends.joined.empty()) {
    // One for each that has joined.
    all.sent = 0;
    for (std::size_t i = 0; i < std::min(ends.joined.size(), ends.sent_to.size()); ++i) {
      all.sent += ends.joined[i] * ends.sent_to[i];
    }
  }
  all.sent = std::max(all.sent, all.received + all.unread);
  all.lost = all.sent - all.received - all.unread;
}

void add_survey(FlowResult& flow, const SurveyResult& survey, bool sends) {
  auto& info = flow.tcp_info ? *flow.tcp_info : flow.tcp_info.emplace();
  merge_into(sends ? info.send_queue : info.receive_queue, survey.queue);
  if (!sends) return;
  info.connections += survey.connections;
  info.elapsed_ns += survey.elapsed_ns;
  info.busy_ns += survey.busy_ns;
  info.rwnd_limited_ns += survey.rwnd_limited_ns;
  info.sndbuf_limited_ns += survey.sndbuf_limited_ns;
}

void add_result(FlowResult& flow, const FlowGroup& group, Side side, const ResultTask& task,
                Nanoseconds window) {
  add_counts(flow.errors, task.errors);
  if (side == group.sender) {
    merge_into(flow.sndbuf.final, task.sndbuf);
    for (const auto& [name, value] : task.options) {
      if (!flow.options[name].final) flow.options[name].final = value;
    }
  }
  if (side != group.sender) merge_into(flow.rcvbuf.final, task.rcvbuf);
  if (task.bytes_read) {
    flow.goodput_bytes_per_s =
        flow.goodput_bytes_per_s.value_or(0) +
        static_cast<double>(*task.bytes_read) * 1e9 / static_cast<double>(window.count());
  }
  if (task.delivery) merge_into(flow.delivery_latency, *task.delivery);
  if (task.datagrams) add_datagrams(flow, *task.datagrams);
  if (task.survey) add_survey(flow, *task.survey, task.sent.has_value());
  if (task.sent) {
    flow.messages = flow.messages.value_or(0) + task.sent->messages;
    if (task.sent->backlog) flow.backlog = flow.backlog.value_or(0) + *task.sent->backlog;
    if (task.sent->zerocopy) {
      auto& zerocopy = flow.zerocopy ? *flow.zerocopy : flow.zerocopy.emplace();
      zerocopy.sends += task.sent->zerocopy->sends;
      zerocopy.refused += task.sent->zerocopy->refused;
      zerocopy.completed += task.sent->zerocopy->completed;
      zerocopy.copied += task.sent->zerocopy->copied;
    }
    if (task.sent->vain_sends) {
      flow.vain_sends = flow.vain_sends.value_or(0) + *task.sent->vain_sends;
    }
    if (task.sent->send_call) merge_into(flow.send_call, *task.sent->send_call);
    merge_into(flow.send_latency, task.sent->send_latency);
    if (task.sent->connect) merge_into(flow.connect, *task.sent->connect);
    if (task.sent->acked) merge_into(flow.acked_latency, *task.sent->acked);
    if (task.sent->kernel_acked) merge_into(flow.kernel_acked_latency, *task.sent->kernel_acked);
    merge_into(flow.own_clock, stalls_by_own_clock(task.sent->own_clock));
    auto& unsure = flow.own_clock_unsure ? *flow.own_clock_unsure : flow.own_clock_unsure.emplace();
    unsure.stalls += task.sent->own_clock.unsure_stalls;
    unsure.waits += task.sent->own_clock.unsure_waits;
    unsure.open += task.sent->own_clock.unsure_open;
  }
}

FlowResult empty_result(const FlowGroup& group) {
  FlowResult flow;
  flow.name = group.name;
  flow.connections_requested = group.connections;
  flow.senders_per_connection = group.pattern == Pattern::idle     ? 0
                                : group.pattern == Pattern::duplex ? 2
                                                                   : 1;
  if (group.socket.sndbuf) flow.sndbuf.requested = group.socket.sndbuf->count;
  if (group.socket.rcvbuf) flow.rcvbuf.requested = group.socket.rcvbuf->count;
  for (const auto& [name, value] : requested_options(group.socket)) {
    flow.options[name].requested = value;
  }
  return flow;
}

}  // namespace

std::vector<FlowResult> join_results(const Scenario& scenario, const Assignment& assignment,
                                     const std::vector<Connected>& connected,
                                     const std::vector<Result>& results, Nanoseconds window) {
  std::vector<FlowResult> flows;
  for (const auto& group : scenario.flows) flows.push_back(empty_result(group));
  std::vector<Ends> ends(flows.size());
  for (std::size_t worker = 0; worker < assignment.workers.size(); ++worker) {
    const auto side = assignment.workers[worker].side;
    if (worker < connected.size()) {
      for (const auto& task : connected[worker].tasks) {
        add_connected(flows.at(task.flow), scenario.flows.at(task.flow), side, task,
                      ends.at(task.flow));
      }
    }
    if (worker < results.size()) {
      for (const auto& task : results[worker].tasks) {
        add_result(flows.at(task.flow), scenario.flows.at(task.flow), side, task, window);
        auto& of_flow = ends.at(task.flow);
        of_flow.alive[side] += task.alive;
        if (!task.datagrams) continue;
        add_each(side == scenario.flows[task.flow].sender ? of_flow.sent_to : of_flow.joined,
                 task.datagrams->of_group);
      }
    }
  }
  for (std::size_t i = 0; i < flows.size(); ++i) {
    count_connections(flows[i], scenario.flows[i], ends[i], !results.empty());
    count_lost(flows[i], ends[i]);
  }
  return flows;
}

}  // namespace netstall
