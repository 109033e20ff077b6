// Non-blocking senders: a stall is from EAGAIN to the next byte accepted.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SendWaitEagain : public ::testing::TestWithParam<SendWaitBackend> {
 protected:
  void SetUp() override {
    auto loaded = SendWait::load(probe_options(GetParam(), netns_, 0, 16));
    if (!loaded.probe) {
      GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << loaded.failed.back().why;
    }
    probe_ = std::move(loaded.probe);
    from_ = mono_now();
    probe_->set_window(from_, from_ + seconds(170));
  }

  Stalls read() {
    probe_->set_window(from_, mono_now());
    auto reading = probe_->read();
    expect_none_lost(reading.lost_events);
    return reading.per_flow.at(0);
  }

  static void expect_agreement(const Stalls& stalls, const OwnClock& own) {
    EXPECT_EQ(stalls.total.count, own.stalls);
    EXPECT_EQ(stalls.total.waits, own.waits);
    // The sender may be preempted between the kernel's answer and its own clock.
    const auto time = static_cast<double>(own.wall_ns);
    const auto near = time * 0.01 + static_cast<double>(own.queued_ns);
    EXPECT_NEAR(static_cast<double>(stalls.total.time_ns), time, near);
    EXPECT_NEAR(stalls.total.duration.sum(), time, near);
    EXPECT_EQ(stalls.total.open_at_end, 0U);
  }

  // Sends until EAGAIN; whether anything was taken.
  static bool fill(int fd) {
    const std::vector<char> message(65536, 'x');
    bool taken = false;
    while (::send(fd, message.data(), message.size(), MSG_DONTWAIT) > 0) taken = true;
    EXPECT_EQ(errno, EAGAIN);
    return taken;
  }

  const Netns netns_ = make_loopback();
  std::optional<SendWait> probe_;
  MonoTime from_;
};

TEST_P(SendWaitEagain, AgreesWithTheSendersOnSlowReaders) {
  const auto connections = connect_within(netns_, 8, {.sndbuf = 65536, .rcvbuf = 65536});
  const Readers readers(server_ends(connections), 32768, milliseconds(4));
  const auto own = send_nonblocking(client_ends(connections), 32768, 100);
  const auto stalls = read();
  EXPECT_GE(own.stalls, 100U);
  expect_agreement(stalls, own);
  EXPECT_EQ(stalls.by_cause.at(Cause::sndbuf_full)->count, own.stalls);
  EXPECT_EQ(probe_->blocked_now(), 0);
}

TEST_P(SendWaitEagain, AMemoryLimitIsAShortage) {
  const auto limit = TcpMemoryLimit::make();
  if (!limit) GTEST_SKIP() << "needs cgroup v1 with memory.kmem.tcp, or a guest of its own";
  const auto connections = connect_within(netns_, 16, {.sndbuf = 262144, .limit = limit.get()});
  OwnClock own;
  std::thread sender([&] { own = send_nonblocking(client_ends(connections), 16384, 60); });
  // Nobody reads, and together they want four times the limit.
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() == 16; }));
  const Readers readers(server_ends(connections), 65536, milliseconds(2));
  sender.join();
  const auto stalls = read();
  expect_agreement(stalls, own);
  EXPECT_GE(stalls.by_cause.at(Cause::mem_shortage)->count, 8U);
  EXPECT_EQ(stalls.by_cause.at(Cause::unknown)->count, 0U);
}

TEST_P(SendWaitEagain, AStallEndsWithItsConnection) {
  auto connections = connect_within(netns_, 2, {.sndbuf = 8192, .rcvbuf = 8192});
  fill(connections[0].client.get());
  fill(connections[1].client.get());
  EXPECT_EQ(probe_->blocked_now(), 2);
  connections[0].client.reset();
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() == 1; }));
  // With unread data this is a reset of the sender's end.
  connections[1].server.reset();
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() == 0; }));
  const auto stalls = read();
  EXPECT_EQ(stalls.total.count, 2U);
  EXPECT_EQ(stalls.total.open_at_end, 0U);
}

// EAGAIN again and again is one stall, whatever was tried in between.
TEST_P(SendWaitEagain, TryingInVainStaysOneStall) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  // A late acknowledgement may make room, and so end one.
  std::uint64_t begun = 0;
  for (int i = 0; i < 20; ++i) begun += fill(connections[0].client.get()) ? 1U : 0U;
  const auto stalls = read();
  EXPECT_LT(begun, 10U);
  EXPECT_EQ(stalls.total.count, begun);
  EXPECT_EQ(stalls.total.waits, begun);
  EXPECT_EQ(stalls.total.open_at_end, 1U);
}

INSTANTIATE_TEST_SUITE_P(By, SendWaitEagain, ::testing::ValuesIn(all_backends()),
                         [](const auto& backend) { return std::string(name_of(backend.param)); });

}  // namespace
}  // namespace netstall
