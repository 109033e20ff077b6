#include "loadgen/effective.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netstall {
namespace {

using testing::ElementsAre;

TEST(Effective, NamesDefaultsToo) {
  FlowTask task;
  task.name = "fast";
  task.port = 5001;
  task.connections = 900;
  EXPECT_THAT(
      effective_options(task),
      ElementsAre("flow fast: 900 connections to port 5001, ipv4",
                  "sender: client, nonblocking, edge-triggered epoll in one thread",
                  "messages: 16KiB each, as fast as the socket takes them",
                  "reader: 64KiB a recv(), at once",
                  "buffers: SO_SNDBUF the kernel's default at the sender, SO_RCVBUF the "
                  "kernel's default at the reader, TCP_NODELAY the kernel's default (off)"));
}

TEST(Effective, NamesWhatWasAsked) {
  FlowTask task;
  task.name = "slow";
  task.port = 5002;
  task.connections = 100;
  task.sender = Side::server;
  task.io = Io::blocking;
  task.family = Family::ipv6;
  task.messages_per_s = 50;
  task.bytes_per_s = 64'000;
  task.chunk = Bytes{4096};
  task.stop_after = std::chrono::milliseconds(1500);
  task.sndbuf = Bytes{65536};
  task.rcvbuf = Bytes{1000};
  task.nodelay = true;
  EXPECT_THAT(effective_options(task),
              ElementsAre("flow slow: 100 connections to port 5002, ipv6",
                          "sender: server, blocking, a thread each",
                          "messages: 16KiB each, 50/s a connection, due whatever happened before",
                          "reader: 4KiB a recv(), 64000B/s a connection, nothing more 1500ms "
                          "after traffic began",
                          "buffers: SO_SNDBUF 64KiB at the sender, SO_RCVBUF 1000 at the reader, "
                          "TCP_NODELAY on, both ends"));
  task.nodelay = false;
  EXPECT_THAT(effective_options(task).back(), testing::EndsWith("TCP_NODELAY off, both ends"));
}

}  // namespace
}  // namespace netstall
