#include "loadgen/effective.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netstall {
namespace {

using testing::Contains;
using testing::ElementsAre;

TEST(Effective, NamesDefaultsToo) {
  FlowTask task;
  task.name = "fast";
  task.port = 5001;
  task.connections = 900;
  EXPECT_THAT(effective_options(task),
              ElementsAre("flow fast: 900 connections to port 5001, ipv4, stream",
                          "sender: client, nonblocking, edge-triggered epoll in one thread",
                          "messages: 16KiB each, as fast as the socket takes them",
                          "reader: 64KiB a recv(), at once",
                          "buffers: SO_SNDBUF the kernel's default at the sender, SO_RCVBUF the "
                          "kernel's default at the reader",
                          "options of both ends: the kernel's defaults"));
}

TEST(Effective, NamesReadersWithAThreadEach) {
  FlowTask task;
  task.reader.io = ReaderIo::blocking;
  EXPECT_THAT(
      effective_options(task),
      Contains("reader: 64KiB a recv(), at once, a thread a connection in blocking recv()s"));
}

TEST(Effective, NamesWhatWasAsked) {
  FlowTask task;
  task.name = "slow";
  task.port = 5002;
  task.connections = 100;
  task.sender = Side::server;
  task.io = Io::blocking;
  task.family = Family::ipv6;
  task.pace = PaceSpec{50};
  task.reader.bytes_per_s = 64'000;
  task.reader.chunk = Bytes{4096};
  task.reader.stop_after = std::chrono::milliseconds(1500);
  task.socket.sndbuf = Bytes{65536};
  task.socket.rcvbuf = Bytes{1000};
  task.socket.nodelay = true;
  EXPECT_THAT(effective_options(task),
              ElementsAre("flow slow: 100 connections to port 5002, ipv6, stream",
                          "sender: server, blocking, a thread each",
                          "messages: 16KiB each, 50/s a connection, due whatever happened before",
                          "reader: 4KiB a recv(), 64000B/s a connection, nothing more 1500ms "
                          "after traffic began",
                          "buffers: SO_SNDBUF 64KiB at the sender, SO_RCVBUF 1000 at the reader",
                          "options of both ends: nodelay true"));
}

TEST(Effective, NamesDistributionsAndTheirTimes) {
  FlowTask task;
  task.name = "mix";
  task.port = 5003;
  task.connections = 10;
  task.payload.log_normal = LogNormalSizes{Bytes{4096}, 1.5, Bytes{100}, Bytes{1 << 20}};
  task.pace = PaceSpec{100,
                       Arrival::poisson,
                       PaceBurst{std::chrono::milliseconds(10), std::chrono::milliseconds(90)},
                       {{std::chrono::seconds(2), 200}}};
  task.reader.bytes_per_s = 64'000;
  task.reader.rate_sigma = 1;
  task.reader.freeze = {{std::chrono::seconds(1), std::chrono::milliseconds(500)}};
  task.reader.share = 0.1;
  task.socket.dscp = 46;
  const auto lines = effective_options(task);
  EXPECT_EQ(lines.at(2),
            "messages: 100 to 1MiB, log-normal with median 4KiB and sigma 1.5, 100/s a connection "
            "by Poisson arrivals, within bursts of 10ms with 90ms between, 200/s from 2s on, due "
            "whatever happened before");
  EXPECT_EQ(lines.at(3),
            "reader: 64KiB a recv(), 64000B/s a connection in the median, log-normal with sigma 1, "
            "frozen from 1s for 500ms; so 0.1 of the connections, the others at once");
  EXPECT_EQ(lines.at(5), "options of both ends: dscp 46");
}

TEST(Effective, NamesWhatOtherPatternsDo) {
  FlowTask task;
  task.name = "rpc";
  task.port = 5004;
  task.connections = 1;
  task.pattern = Pattern::request_response;
  task.pipeline = 4;
  task.think = std::chrono::milliseconds(3);
  task.payload.fixed = Bytes{100};
  task.response.pareto = ParetoSizes{Bytes{10}, 1.2, Bytes{1000}};
  auto lines = effective_options(task);
  EXPECT_EQ(lines.at(0), "flow rpc: 1 connections to port 5004, ipv4, request-response");
  EXPECT_EQ(lines.at(1), "sender: client, nonblocking, level-triggered epoll in one thread");
  EXPECT_EQ(lines.at(2), "messages: 100 each, one after each response");
  EXPECT_EQ(lines.at(3),
            "responses: 10 to 1000, Pareto with shape 1.2, at most 4 requests under way, the next "
            "one 3ms after a response");
  task.pattern = Pattern::duplex;
  EXPECT_EQ(effective_options(task).at(1),
            "sender: both, nonblocking, edge-triggered epoll in one thread");
  task.io = Io::level_triggered;
  EXPECT_EQ(effective_options(task).at(1),
            "sender: both, level-triggered, level-triggered epoll in one thread");
  task.io = Io::nonblocking;
  task.pattern = Pattern::connect;
  task.closes = Side::client;
  task.socket.linger = std::chrono::seconds(0);
  lines = effective_options(task);
  EXPECT_EQ(lines.at(2), "messages: 100 each, one after each response");
  EXPECT_EQ(lines.at(3),
            "a connection for each, which the client closes first; responses: 10 to 1000, Pareto "
            "with shape 1.2");
  EXPECT_EQ(lines.at(5), "options of both ends: linger 0s");
  task.pattern = Pattern::idle;
  EXPECT_EQ(effective_options(task).size(), 3U);
  task.pattern = Pattern::udp_stream;
  task.connections = 3;
  const auto datagrams = effective_options(task);
  EXPECT_EQ(datagrams.at(0),
            "flow rpc: 3 connections to ports 5004 to 5006 of both ends, ipv4, udp-stream");
  EXPECT_EQ(datagrams.at(1), "sender: client, nonblocking, level-triggered epoll in one thread");
  EXPECT_EQ(datagrams.at(3), "reader: a datagram a recv(), at once");
  task.pattern = Pattern::udp_request_response;
  EXPECT_EQ(effective_options(task).at(3),
            "responses: 10 to 1000, Pareto with shape 1.2, at most 4 requests under way, the next "
            "one 3ms after a response, given up after a second");
  task.pattern = Pattern::multicast;
  task.multicast = {4, 2};
  const auto multicast = effective_options(task);
  EXPECT_EQ(multicast.at(0), "flow rpc: 3 connections to port 5004, ipv4, multicast");
  EXPECT_EQ(multicast.back(),
            "multicast: 4 groups, one socket sends to all of them, others join up to 2 each");
}

}  // namespace
}  // namespace netstall
