// Workers against each other by UDP: every datagram is accounted for, by the programs
// and by the kernel.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <sstream>

#include "base/file.hpp"
#include "loadgen/endpoint.hpp"
#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

FlowTask datagrams(std::uint32_t connections) {
  auto task = task_with(connections);
  task.pattern = Pattern::udp_stream;
  task.payload.fixed = Bytes{200};
  return task;
}

FlowTask udp_requests(std::uint32_t connections) {
  auto task = datagrams(connections);
  task.pattern = Pattern::udp_request_response;
  task.response.fixed = Bytes{1'000};
  return task;
}

// The kernel's own counters of UDP in that namespace.
std::map<std::string, std::uint64_t> udp_counters(const Netns& netns) {
  const ScopedNetns inside(netns);
  std::istringstream lines(read_file("/proc/thread-self/net/snmp"));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("Udp:")) continue;
    std::istringstream words(line.substr(4));
    if (names.empty()) {
      for (std::string name; words >> name;) names.push_back(name);
      continue;
    }
    std::map<std::string, std::uint64_t> counters;
    for (const auto& name : names) words >> counters[name];
    return counters;
  }
  return {};
}

// Of a pace that falls silent long before the window's end, so that all that was ever
// sent is of the window.
PaceSpec silent_after(double messages_per_s, Nanoseconds at) {
  PaceSpec pace{messages_per_s};
  pace.schedule = {{at, 1e-6}};
  return pace;
}

std::uint64_t delivered_and_unread(const DatagramResult& read) {
  return read.received + read.unread;
}

struct Manner {
  Side sender;
  Io io;
};

class Datagrams : public testing::TestWithParam<Manner> {};

TEST_P(Datagrams, AreCountedAsTheKernelCountsThem) {
  auto task = datagrams(8);
  task.sender = GetParam().sender;
  task.io = GetParam().io;
  task.pace = silent_after(500, 500ms);
  WorkerPair pair({task});
  pair.run(0ns, 900ms);
  const auto& sent = pair.sent(task.sender);
  const auto& read = pair.read(task.sender);
  ASSERT_TRUE(sent.datagrams && read.datagrams && sent.sent);
  EXPECT_NEAR(static_cast<double>(sent.datagrams->sent), 8 * 250, 16);
  EXPECT_EQ(sent.sent->messages, sent.datagrams->sent);
  EXPECT_EQ(sent.sent->backlog, 0U);
  EXPECT_EQ(read.datagrams->received, sent.datagrams->sent);
  EXPECT_EQ(read.datagrams->unread, 0U);
  EXPECT_EQ(read.datagrams->reordered, 0U);
  EXPECT_EQ(read.datagrams->delivered, sent.datagrams->sent);
  ASSERT_TRUE(read.datagrams->delivery);
  EXPECT_EQ(read.datagrams->delivery->count(), sent.datagrams->sent);
  EXPECT_EQ(read.bytes_read, sent.datagrams->sent * 200);
  EXPECT_TRUE(sent.errors.empty()) << testing::PrintToString(sent.errors);
  EXPECT_EQ(sent.alive, 8U);
  EXPECT_EQ(read.alive, 8U);
  const auto counters = udp_counters(pair.netns.get());
  EXPECT_EQ(counters.at("OutDatagrams"), sent.datagrams->sent);
  EXPECT_EQ(counters.at("InDatagrams"), read.datagrams->received);
  pair.close();
}

INSTANTIATE_TEST_SUITE_P(Worker, Datagrams,
                         testing::Values(Manner{Side::client, Io::nonblocking},
                                         Manner{Side::server, Io::nonblocking},
                                         Manner{Side::client, Io::blocking}),
                         [](const auto& manner) {
                           return fmt::format("{}_{}", name_of(manner.param.sender),
                                              name_of(manner.param.io));
                         });

TEST(DatagramLoss, IsWhatTheKernelDropped) {
  auto task = datagrams(2);
  task.pace = silent_after(20'000, 400ms);
  // A reader of 20 datagrams a second, and room for some twenty.
  task.reader.bytes_per_s = 4'000;
  task.socket.rcvbuf = Bytes{8'192};
  WorkerPair pair({task});
  pair.run(0ns, 600ms);
  const auto& sent = *pair.sent(Side::client).datagrams;
  const auto& read = *pair.read(Side::client).datagrams;
  const auto counters = udp_counters(pair.netns.get());
  EXPECT_GT(sent.sent, 5'000U);
  EXPECT_GT(read.unread, 0U);
  EXPECT_EQ(counters.at("OutDatagrams"), sent.sent);
  // What was unread was read in counting it.
  EXPECT_EQ(counters.at("InDatagrams"), delivered_and_unread(read));
  EXPECT_EQ(sent.sent - delivered_and_unread(read), counters.at("RcvbufErrors"));
  EXPECT_EQ(read.reordered, 0U);
  // 20 a second for 0.8 s on each of two.
  EXPECT_NEAR(static_cast<double>(read.received), 2 * 16, 10);
  pair.close();
}

TEST(DatagramLoss, OfAReaderThatStopsIsCountedToo) {
  auto task = datagrams(4);
  task.pace = silent_after(2'000, 600ms);
  task.reader.stop_after = 200ms;
  task.reader.share = 0.5;
  task.socket.rcvbuf = Bytes{4'096};
  WorkerPair pair({task});
  pair.run(0ns, 700ms);
  const auto& sent = *pair.sent(Side::client).datagrams;
  const auto& read = *pair.read(Side::client).datagrams;
  const auto counters = udp_counters(pair.netns.get());
  EXPECT_EQ(sent.sent - delivered_and_unread(read), counters.at("RcvbufErrors"));
  EXPECT_GT(counters.at("RcvbufErrors"), 1'000U);  // of 2 · 800 after the stop
  EXPECT_GT(read.received, 2U * 1'100U);           // the two that go on
  pair.close();
}

TEST(DatagramLoss, EveryDatagramOfAFloodIsAccountedFor) {
  auto task = datagrams(3);
  task.payload.uniform = UniformSizes{Bytes{16}, Bytes{9'000}};
  WorkerPair pair({task});
  pair.run(100ms, 500ms);
  const auto& sent = *pair.sent(Side::client).datagrams;
  const auto& read = *pair.read(Side::client).datagrams;
  EXPECT_GT(sent.sent, 1'000U);
  EXPECT_LE(delivered_and_unread(read), sent.sent);
  // A window of 500 ms within traffic: what is in flight at its edges is not lost. Loopback
  // loses for want of room in the reader's socket alone.
  const auto counters = udp_counters(pair.netns.get());
  EXPECT_LE(sent.sent - delivered_and_unread(read), counters.at("RcvbufErrors"));
  EXPECT_GT(pair.sent(Side::client).sent->send_call->count(), 1'000U);
  pair.close();
}

TEST(DatagramErrors, APortThatNobodyHasIsRefusedAndTheSenderGoesOn) {
  auto task = datagrams(2);
  task.pace = PaceSpec{200};
  WorkerPair pair({task});
  pair.connect();
  pair.begin(0ns, 600ms);
  pair.client.next();  // a sample: traffic runs
  pair.server.process().kill(SIGKILL);
  const auto result = pair.client.result();
  const auto& sent = result.tasks.at(0);
  // Each datagram is answered by ICMP, and the answer reported in its stead.
  EXPECT_GT(sent.errors.at("ECONNREFUSED"), 40U);
  EXPECT_EQ(sent.alive, 2U);
  EXPECT_GT(sent.datagrams->sent, 100U);
  EXPECT_EQ(sent.sent->backlog, 0U);
}

TEST(DatagramErrors, FragmentsBeyondTheSendBufferAreENOBUFS) {
  for (const auto io : {Io::nonblocking, Io::blocking}) {
    auto task = datagrams(1);
    task.io = io;
    task.payload.fixed = Bytes{60'000};
    task.pace = PaceSpec{100};
    task.socket.sndbuf = Bytes{4'608};
    WorkerPair pair({task});
    {
      const ScopedNetns inside(pair.netns.get());
      LoopbackNetns::set_mtu(1'500);
    }
    pair.run(0ns, 300ms);
    const auto& sent = pair.sent(Side::client);
    EXPECT_GT(sent.errors.at("ENOBUFS"), 20U) << name_of(io);
    EXPECT_EQ(sent.datagrams->sent, 0U);
    EXPECT_EQ(sent.sent->backlog, 0U);
    EXPECT_EQ(sent.alive, 1U);
    pair.close();
  }
}

class DatagramRequests : public testing::TestWithParam<Side> {};

TEST_P(DatagramRequests, EachIsAnswered) {
  auto task = udp_requests(10);
  task.sender = GetParam();
  task.pipeline = 3;
  task.payload.uniform = UniformSizes{Bytes{16}, Bytes{500}};
  task.response.uniform = UniformSizes{Bytes{16}, Bytes{3'000}};
  WorkerPair pair({task});
  pair.run(100ms, 500ms);
  const auto& asked = pair.sent(task.sender);
  const auto& answered = pair.read(task.sender);
  ASSERT_TRUE(asked.sent && asked.datagrams);
  EXPECT_GT(asked.sent->messages, 500U);
  EXPECT_EQ(asked.sent->acked->count(), asked.sent->messages);
  EXPECT_EQ(asked.datagrams->received, asked.datagrams->sent);
  // Those under way at the edges.
  EXPECT_NEAR(static_cast<double>(asked.datagrams->sent), static_cast<double>(asked.sent->messages),
              30);
  EXPECT_TRUE(asked.errors.empty()) << testing::PrintToString(asked.errors);
  EXPECT_EQ(asked.alive, 10U);
  EXPECT_EQ(answered.alive, 10U);
  EXPECT_FALSE(answered.datagrams);
  pair.close();
}

INSTANTIATE_TEST_SUITE_P(Worker, DatagramRequests, testing::Values(Side::client, Side::server),
                         [](const auto& side) { return std::string(name_of(side.param)); });

TEST(DatagramRequestsTest, ThatAreNotAnsweredAreLostAndFreeTheirPlace) {
  auto task = udp_requests(4);
  WorkerPair pair({task});
  pair.connect();
  pair.begin(0ns, 2'500ms);
  pair.client.next();
  pair.server.process().kill(SIGSTOP);
  const auto result = pair.client.result();
  pair.server.process().kill(SIGCONT);
  const auto& asked = result.tasks.at(0);
  // One request a second and connection, from the first on that had no answer.
  const auto lost = asked.datagrams->sent - asked.datagrams->received;
  EXPECT_GE(lost, 8U);
  EXPECT_LE(lost, 12U);
  EXPECT_EQ(asked.alive, 4U);
}

TEST(DatagramRequestsTest, PacedOnesAreDueWhateverBecameOfThoseBefore) {
  auto task = udp_requests(10);
  task.pace = PaceSpec{100};
  task.pipeline = 4;
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  const auto& sent = *pair.sent(Side::client).sent;
  ASSERT_TRUE(sent.backlog);
  EXPECT_NEAR(static_cast<double>(sent.messages + *sent.backlog), 1'000, 120);
  pair.close();
}

TEST(DatagramSockets, APortThatIsTakenIsCounted) {
  WorkerPair pair({datagrams(3)});
  const ScopedNetns inside(pair.netns.get());
  const Fd taken(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto address = address_of(Family::ipv4, "127.0.0.2", 5'002);
  ASSERT_EQ(::bind(taken.get(), address.get(), address.length), 0);
  pair.connect();
  const auto& connected = pair.client_connected.tasks.at(0);
  EXPECT_EQ(connected.established, 2U);
  EXPECT_EQ(connected.failed, (std::map<std::string, std::uint64_t>{{"EADDRINUSE", 1}}));
  EXPECT_FALSE(connected.connect);
}

FlowTask multicast(std::uint32_t connections, std::uint32_t groups, std::uint32_t per_socket) {
  auto task = datagrams(connections);
  task.pattern = Pattern::multicast;
  task.multicast = {groups, per_socket};
  // What all groups of a socket are sent fits into its buffer, however late its reader.
  task.pace = silent_after(200, 400ms);
  return task;
}

TEST(Multicast, EveryMemberOfAGroupReadsWhatIsSentToIt) {
  for (const auto sender : {Side::client, Side::server}) {
    auto task = multicast(10, 4, 3);
    task.sender = sender;
    WorkerPair pair({task});
    pair.run(0ns, 700ms);
    const auto& sent = pair.sent(sender);
    const auto& read = pair.read(sender);
    const auto& joined = sender == Side::client ? pair.server_connected : pair.client_connected;
    EXPECT_EQ(joined.tasks.at(0).established, 10U);
    EXPECT_TRUE(joined.tasks.at(0).failed.empty());
    // Memberships 0 to 9, in turns.
    EXPECT_EQ(read.datagrams->of_group, (std::vector<std::uint64_t>{3, 3, 2, 2}));
    ASSERT_EQ(sent.datagrams->of_group.size(), 4U);
    std::uint64_t copies = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(static_cast<double>(sent.datagrams->of_group[i]), 80, 2);
      copies += sent.datagrams->of_group[i] * read.datagrams->of_group[i];
    }
    EXPECT_EQ(read.datagrams->received, copies);
    EXPECT_EQ(read.datagrams->duplicated, 0U);
    EXPECT_EQ(read.alive, 10U);
    EXPECT_TRUE(read.errors.empty()) << testing::PrintToString(read.errors);
    EXPECT_EQ(udp_counters(pair.netns.get()).at("InDatagrams"), copies);
    EXPECT_EQ(udp_counters(pair.netns.get()).at("OutDatagrams"), sent.datagrams->sent);
    pair.close();
  }
}

TEST(Multicast, TheLimitOfASocketIsENOBUFS) {
  auto task = multicast(12, 6, 6);
  task.sender = Side::server;
  WorkerPair pair({task});
  {
    const ScopedNetns inside(pair.netns.get());
    ASSERT_EQ(write_kernel_file("/proc/sys/net/ipv4/igmp_max_memberships", "4"), 0);
  }
  pair.run(0ns, 600ms);
  const auto& joined = pair.client_connected.tasks.at(0);
  EXPECT_EQ(joined.established, 8U);
  EXPECT_EQ(joined.failed, (std::map<std::string, std::uint64_t>{{"ENOBUFS", 4}}));
  const auto& sent = *pair.sent(Side::server).datagrams;
  const auto& read = *pair.read(Side::server).datagrams;
  EXPECT_EQ(read.of_group, (std::vector<std::uint64_t>{2, 2, 2, 2, 0, 0}));
  std::uint64_t copies = 0;
  for (std::size_t i = 0; i < 4; ++i) copies += 2 * sent.of_group[i];
  EXPECT_EQ(read.received, copies);
  pair.close();
}

TEST(DatagramsBesideStreams, HaveTheirOwnPorts) {
  auto stream = task_with(5);
  stream.pace = PaceSpec{100};
  WorkerPair pair({stream, datagrams(5)});
  pair.run(50ms, 300ms);
  for (const std::size_t task : {0U, 1U}) {
    EXPECT_EQ(pair.sent(Side::client, task).alive, 5U);
    EXPECT_GT(pair.read(Side::client, task).bytes_read.value_or(0), 0U);
  }
  EXPECT_FALSE(pair.sent(Side::client, 0).datagrams);
  EXPECT_TRUE(pair.sent(Side::client, 1).datagrams);
  pair.close();
}

}  // namespace
}  // namespace netstall
