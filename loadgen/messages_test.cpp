#include "loadgen/messages.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

// Every message must come out of its bytes as it went in: its bytes again are the
// same, and a cut or lengthened one is refused.
template <class Message>
Message there_and_back(const Message& message) {
  const auto bytes = to_wire(message);
  auto back = from_wire<Message>(bytes);
  EXPECT_EQ(to_wire(back), bytes);
  EXPECT_THROW(from_wire<Message>(bytes + '\0'), Error);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
    EXPECT_THROW(from_wire<Message>(bytes.substr(0, cut)), Error);
  }
  return back;
}

FlowTask full_task() {
  FlowTask task;
  task.flow = 3;
  task.name = "slow";
  task.port = 65'535;
  task.peer = "fd00::2";
  task.connections = 20'000;
  task.sender = Side::server;
  task.io = Io::blocking;
  task.family = Family::ipv6;
  task.payload.fixed = Bytes{1 << 20};
  task.pace = PaceSpec{0.1};
  task.reader.bytes_per_s = 64e3;
  task.reader.chunk = Bytes{4096};
  task.reader.stop_after = Nanoseconds(0);
  task.socket.sndbuf = Bytes{65536};
  task.socket.rcvbuf = Bytes{4096};
  task.socket.nodelay = false;
  task.pace->schedule = {{Nanoseconds(5), 3}};
  task.pace->spin = Nanoseconds(7);
  task.payload.weighted = {{Bytes{1}, 0.5}};
  task.response.sequence = {Bytes{6}, Bytes{7}};
  task.pipeline = 8;
  task.think = Nanoseconds(9);
  task.closes = Side::client;
  task.acknowledge = true;
  task.socket.linger = Nanoseconds(10);
  task.socket.zerocopy = true;
  task.reader.freeze = {{Nanoseconds(1), Nanoseconds(2)}};
  task.reader.rate_sigma = 0.5;
  task.reader.share = 0.25;
  task.socket.congestion_control = "reno";
  task.socket.keepalive = Keepalive{Nanoseconds(2), Nanoseconds(3), 4};
  task.first = 30;
  task.exchange_seed = 31;
  task.multicast = {8, 3};
  return task;
}

Histogram histogram_of(std::uint64_t value) {
  Histogram histogram;
  histogram.record(value, 3);
  return histogram;
}

TEST(Messages, Hello) {
  const auto back = there_and_back(Hello{7, 1234});
  EXPECT_EQ(back.protocol, 7U);
  EXPECT_EQ(back.pid, 1234);
}

TEST(Messages, Configure) {
  Configure configure{Side::server, "10.0.0.1", "fd00::1", {}, {}, {}, 0};
  configure.tasks = {full_task(), FlowTask{}};
  configure.ramp = std::chrono::seconds(2);
  configure.connect_deadline = std::chrono::seconds(9);
  configure.seed = ~std::uint64_t{0};
  configure.survey_budget = 77;
  configure.readers_try_in_vain = true;
  const auto back = there_and_back(configure);
  EXPECT_EQ(back.side, Side::server);
  EXPECT_EQ(back.local_v4, "10.0.0.1");
  EXPECT_EQ(back.local_v6, "fd00::1");
  EXPECT_EQ(back.ramp, std::chrono::seconds(2));
  EXPECT_EQ(back.connect_deadline, std::chrono::seconds(9));
  EXPECT_EQ(back.seed, ~std::uint64_t{0});
  EXPECT_EQ(back.survey_budget, 77U);
  EXPECT_TRUE(back.readers_try_in_vain);
  ASSERT_EQ(back.tasks.size(), 2U);
  const auto& task = back.tasks[0];
  EXPECT_EQ(task.flow, 3U);
  EXPECT_EQ(task.name, "slow");
  EXPECT_EQ(task.port, 65'535);
  EXPECT_EQ(task.peer, "fd00::2");
  EXPECT_EQ(task.connections, 20'000U);
  EXPECT_EQ(task.sender, Side::server);
  EXPECT_EQ(task.io, Io::blocking);
  EXPECT_EQ(task.family, Family::ipv6);
  EXPECT_EQ(task.payload.fixed.count, 1U << 20);
  EXPECT_EQ(task.pace->messages_per_s, 0.1);
  EXPECT_EQ(task.pace->schedule.at(0).at, Nanoseconds(5));
  EXPECT_EQ(task.pace->spin, Nanoseconds(7));
  EXPECT_EQ(task.payload.weighted.at(0).weight, 0.5);
  EXPECT_EQ(task.response.sequence.at(1).count, 7U);
  EXPECT_EQ(task.pipeline, 8U);
  EXPECT_EQ(task.reader.freeze.at(0).lasting, Nanoseconds(2));
  EXPECT_EQ(task.socket.congestion_control, "reno");
  EXPECT_EQ(task.socket.keepalive->probes, 4U);
  EXPECT_EQ(task.first, 30U);
  EXPECT_EQ(task.exchange_seed, 31U);
  EXPECT_EQ(task.multicast.groups, 8U);
  EXPECT_EQ(task.multicast.per_socket, 3U);
  EXPECT_EQ(task.reader.bytes_per_s, 64e3);
  EXPECT_EQ(task.reader.chunk->count, 4096U);
  EXPECT_EQ(task.reader.stop_after, Nanoseconds(0));
  EXPECT_EQ(task.socket.sndbuf->count, 65536U);
  EXPECT_EQ(task.socket.rcvbuf->count, 4096U);
  EXPECT_EQ(task.socket.nodelay, false);
  EXPECT_FALSE(back.tasks[1].pace);
  EXPECT_FALSE(back.tasks[1].reader.stop_after);
  EXPECT_FALSE(back.tasks[1].socket.nodelay);
}

TEST(Messages, Clock) {
  EXPECT_EQ(there_and_back(ClockProbe{-5}).controller_ns, -5);
  const auto reply = there_and_back(ClockReply{-5, std::int64_t{1} << 62});
  EXPECT_EQ(reply.controller_ns, -5);
  EXPECT_EQ(reply.worker_ns, std::int64_t{1} << 62);
}

TEST(Messages, Connected) {
  EXPECT_EQ(there_and_back(Settle{{5, 0, 7}}).connections, (std::vector<std::uint32_t>{5, 0, 7}));
  ConnectedTask task;
  task.flow = 1;
  task.established = 99;
  task.failed = {{"ECONNREFUSED", 1}};
  task.connect = histogram_of(50'000);
  task.sndbuf = 87'040;
  const auto back = there_and_back(Connected{{task}});
  EXPECT_EQ(back.tasks.at(0).flow, 1U);
  EXPECT_EQ(back.tasks.at(0).established, 99U);
  EXPECT_EQ(back.tasks.at(0).failed.at("ECONNREFUSED"), 1U);
  EXPECT_EQ(back.tasks.at(0).connect->count(), 3U);
  EXPECT_EQ(back.tasks.at(0).sndbuf, 87'040U);
  EXPECT_FALSE(back.tasks.at(0).rcvbuf);
}

TEST(Messages, Go) {
  const auto back = there_and_back(Go{1, 2, 3, Nanoseconds(4), Nanoseconds(5)});
  EXPECT_EQ(back.traffic_from_ns, 1);
  EXPECT_EQ(back.window_from_ns, 2);
  EXPECT_EQ(back.window_to_ns, 3);
  EXPECT_EQ(back.sample_every, Nanoseconds(4));
  EXPECT_EQ(back.drain, Nanoseconds(5));
}

TEST(Messages, Sample) {
  const auto back = there_and_back(Sample{7, 123, {{1, 2, 3}, {4, 5, 6}}});
  EXPECT_EQ(back.index, 7U);
  EXPECT_EQ(back.t_ns, 123);
  EXPECT_EQ(back.tasks.at(1).flow, 4U);
  EXPECT_EQ(back.tasks.at(1).bytes_read, 5U);
  EXPECT_EQ(back.tasks.at(1).blocked_senders, 6U);
}

TEST(Messages, Result) {
  SentResult sent;
  sent.messages = 1;
  sent.backlog = 2;
  sent.vain_sends = 20;
  sent.zerocopy = ZerocopyCounts{21, 22, 23, 24};
  sent.send_call = histogram_of(3'000);
  sent.send_latency = histogram_of(4'000);
  sent.acked = histogram_of(5'000);
  sent.kernel_acked = histogram_of(5'500);
  sent.connect = histogram_of(6'000);
  sent.own_clock = {5, 6, 7, histogram_of(8'000), 9, 10, 11, 12, 13, 14};
  ResultTask task{12,
                  13,
                  sent,
                  {},
                  {},
                  {{"ECONNRESET", 14}},
                  histogram_of(15),
                  histogram_of(16),
                  {{"nodelay", "true"}},
                  DatagramResult{20, 21, 22, 23, 24, 25, histogram_of(26), {27, 28}},
                  SurveyResult{29, 30, 31, 32, 33, histogram_of(34)}};
  ResultTask read;
  read.bytes_read = 17;
  read.delivery = histogram_of(18);
  const auto back = there_and_back(Result{{task, read}, "rseq", 18});
  EXPECT_EQ(back.gate, "rseq");
  EXPECT_EQ(back.floor_ns, 18U);
  const auto& first = back.tasks.at(0);
  EXPECT_EQ(first.flow, 12U);
  EXPECT_EQ(first.alive, 13U);
  EXPECT_FALSE(first.bytes_read);
  EXPECT_EQ(first.errors.at("ECONNRESET"), 14U);
  EXPECT_EQ(first.sndbuf.max(), 15U);
  EXPECT_EQ(first.rcvbuf.max(), 16U);
  ASSERT_TRUE(first.datagrams);
  EXPECT_EQ(first.datagrams->sent, 20U);
  EXPECT_EQ(first.datagrams->received, 21U);
  EXPECT_EQ(first.datagrams->unread, 22U);
  EXPECT_EQ(first.datagrams->reordered, 23U);
  EXPECT_EQ(first.datagrams->duplicated, 24U);
  EXPECT_EQ(first.datagrams->delivered, 25U);
  EXPECT_TRUE(first.datagrams->delivery == histogram_of(26));
  EXPECT_EQ(first.datagrams->of_group, (std::vector<std::uint64_t>{27, 28}));
  EXPECT_FALSE(back.tasks.at(1).datagrams);
  ASSERT_TRUE(first.survey);
  EXPECT_EQ(first.survey->connections, 29U);
  EXPECT_EQ(first.survey->elapsed_ns, 30U);
  EXPECT_EQ(first.survey->busy_ns, 31U);
  EXPECT_EQ(first.survey->rwnd_limited_ns, 32U);
  EXPECT_EQ(first.survey->sndbuf_limited_ns, 33U);
  EXPECT_TRUE(first.survey->queue == histogram_of(34));
  EXPECT_FALSE(back.tasks.at(1).survey);
  ASSERT_TRUE(first.sent);
  EXPECT_EQ(first.sent->messages, 1U);
  EXPECT_EQ(first.sent->backlog, 2U);
  EXPECT_EQ(first.sent->vain_sends, 20U);
  EXPECT_EQ(first.sent->zerocopy->sends, 21U);
  EXPECT_EQ(first.sent->zerocopy->refused, 22U);
  EXPECT_EQ(first.sent->zerocopy->completed, 23U);
  EXPECT_EQ(first.sent->zerocopy->copied, 24U);
  EXPECT_TRUE(first.sent->send_call == histogram_of(3'000));
  EXPECT_TRUE(first.sent->send_latency == histogram_of(4'000));
  EXPECT_TRUE(first.sent->acked == histogram_of(5'000));
  EXPECT_TRUE(first.sent->kernel_acked == histogram_of(5'500));
  EXPECT_TRUE(first.sent->connect == histogram_of(6'000));
  EXPECT_EQ(first.options.at("nodelay"), "true");
  const auto& clock = first.sent->own_clock;
  EXPECT_EQ(clock.count, 5U);
  EXPECT_EQ(clock.waits, 6U);
  EXPECT_EQ(clock.time_ns, 7U);
  EXPECT_TRUE(clock.duration == histogram_of(8'000));
  EXPECT_EQ(clock.open_at_start, 9U);
  EXPECT_EQ(clock.open_at_end, 10U);
  EXPECT_EQ(clock.preemptions, 11U);
  EXPECT_EQ(clock.unsure_stalls, 12U);
  EXPECT_EQ(clock.unsure_waits, 13U);
  EXPECT_EQ(clock.unsure_open, 14U);
  EXPECT_FALSE(back.tasks.at(1).sent);
  EXPECT_EQ(back.tasks.at(1).bytes_read, 17U);
  EXPECT_FALSE(first.delivery);
  EXPECT_TRUE(back.tasks.at(1).delivery == histogram_of(18));
}

TEST(Messages, Failed) {
  const auto back = there_and_back(Failed{"configure", "listen: Address already in use"});
  EXPECT_EQ(back.phase, "configure");
  EXPECT_EQ(back.text, "listen: Address already in use");
}

TEST(Messages, TaskOfAFlowGroup) {
  FlowGroup group;
  group.name = "slow";
  group.sender = Side::server;
  group.io = Io::blocking;
  group.family = Family::ipv6;
  group.payload.fixed = Bytes{100};
  auto expected = full_task();
  expected.peer.clear();  // the caller's to say
  group.payload = expected.payload;
  group.pace = expected.pace;
  group.response = expected.response;
  group.pipeline = expected.pipeline;
  group.think = expected.think;
  group.multicast = expected.multicast;
  group.closes = expected.closes;
  group.acknowledge = expected.acknowledge;
  group.reader = expected.reader;
  group.socket = expected.socket;
  const auto task = task_of(group, {3, 65'535, 20'000, 30}, 31);
  EXPECT_EQ(to_wire(task), to_wire(expected));
}

}  // namespace
}  // namespace netstall
