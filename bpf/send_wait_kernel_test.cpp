// Blocking senders: the probe sees what the kernel does to them, and agrees with
// their own clock to the unit in stalls and waits, within 1 % in time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/file.hpp"
#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// How often a thread of this process slept so far.
long times_slept(pid_t tid) {
  constexpr std::string_view kKey = "\nvoluntary_ctxt_switches:";
  const auto status = read_file("/proc/self/task/" + std::to_string(tid) + "/status");
  return std::strtol(status.c_str() + status.find(kKey) + kKey.size(), nullptr, 10);
}

class SendWaitBlocking : public ::testing::TestWithParam<SendWaitBackend> {
 protected:
  void SetUp() override {
    if (const auto loaded = SendWait::load(options(1)); !loaded.probe) {
      GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << loaded.failed.back().why;
    }
  }

  SendWaitOptions options(std::uint32_t senders) const {
    return probe_options(GetParam(), netns_, senders);
  }

  void load(const SendWaitOptions& wanted) {
    auto loaded = SendWait::load(wanted);
    ASSERT_TRUE(loaded.probe) << loaded.failed.back().why;
    probe_ = std::move(loaded.probe);
  }

  // Loads the probe and opens a window that ends with read().
  void watch(const SendWaitOptions& wanted) {
    load(wanted);
    from_ = mono_now();
    probe_->set_window(from_, from_ + seconds(170));
  }

  // All traffic must have ended.
  SendWait::Reading read() {
    probe_->set_window(from_, mono_now());
    auto reading = probe_->read();
    expect_none_lost(reading.lost_events);
    EXPECT_EQ(probe_->blocked_now(), 0);
    return reading;
  }

  static StallCount of(const Stalls& stalls, Cause cause) {
    return stalls.by_cause.at(cause).value();
  }

  static void expect_agreement(const Stalls& stalls, const OwnClock& own) {
    EXPECT_EQ(stalls.total.count, own.stalls);
    // Woken for nothing, a thread sleeps again in the same wait, which to itself are two;
    // that happens where the memory that woke it is gone when it runs, as a slow CPU shows.
    EXPECT_LE(stalls.total.waits, own.waits);
    EXPECT_GE(stalls.total.waits, emulated() ? own.waits - own.waits / 10 : own.waits);
    EXPECT_EQ(stalls.total.duration.count(), own.stalls);
    EXPECT_EQ(stalls.total.wait->count(), stalls.total.waits);
    // A wait is within its send(), and the thread is off the CPU in it; but also
    // where it is preempted while it copies. The switches themselves are of either.
    const auto time = static_cast<double>(stalls.total.time_ns);
    const auto switches = 1e4 * static_cast<double>(own.waits);
    EXPECT_LE(stalls.total.time_ns, own.wall_ns);
    EXPECT_GE(time, static_cast<double>(own.off_cpu_ns - own.queued_ns) * 0.99 - switches);
    EXPECT_NEAR(stalls.total.duration.sum(), time, time * 0.001);
    EXPECT_NEAR(stalls.total.wait->sum(), time, time * 0.001);
    EXPECT_TRUE(stalls.run_queue_known);
    EXPECT_LE(stalls.total.run_queue_ns, stalls.total.time_ns);
    EXPECT_EQ(stalls.total.open_at_start, 0U);
    EXPECT_EQ(stalls.total.open_at_end, 0U);
  }

  const Netns netns_ = make_loopback();
  std::optional<SendWait> probe_;
  MonoTime from_;
};

struct Payload {
  std::size_t bytes;
  std::size_t messages;
};

TEST_P(SendWaitBlocking, AgreesWithTheSendersOnSlowReaders) {
  for (const auto payload : {Payload{4096, 900}, Payload{32768, 150}, Payload{1048576, 10}}) {
    SCOPED_TRACE(payload.bytes);
    const auto connections = connect_within(netns_, 8, {.sndbuf = 65536, .rcvbuf = 65536});
    watch(options(8));
    const Readers readers(server_ends(connections), 32768, milliseconds(4));
    const auto own = send_blocking(client_ends(connections), payload.bytes, payload.messages);
    const auto stalls = read().per_flow.at(0);
    EXPECT_GE(own.stalls, 80U);
    expect_agreement(stalls, own);
    EXPECT_EQ(of(stalls, Cause::sndbuf_full).count, own.stalls);
    EXPECT_EQ(of(stalls, Cause::sndbuf_full).waits, own.waits);
  }
}

TEST_P(SendWaitBlocking, AMemoryLimitIsAShortage) {
  const auto limit = TcpMemoryLimit::make();
  if (!limit) GTEST_SKIP() << "needs cgroup v1 with memory.kmem.tcp, or a guest of its own";
  const auto connections = connect_within(netns_, 16, {.sndbuf = 262144, .limit = limit.get()});
  watch(options(16));
  OwnClock own;
  std::thread senders([&] { own = send_blocking(client_ends(connections), 16384, 60); });
  // Nobody reads, and together they want four times the limit.
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() >= 8; }));
  const Readers readers(server_ends(connections), 65536, milliseconds(2));
  senders.join();
  const auto stalls = read().per_flow.at(0);
  expect_agreement(stalls, own);
  EXPECT_GE(of(stalls, Cause::mem_shortage).count, 8U);
  EXPECT_EQ(of(stalls, Cause::unknown).waits, 0U);
}

// Shortage hides as a full buffer that the kernel has cut.
TEST_P(SendWaitBlocking, ABufferThatWasCutIsSndbufModerated) {
  const auto limit = TcpMemoryLimit::make();
  if (!limit) GTEST_SKIP() << "needs cgroup v1 with memory.kmem.tcp, or a guest of its own";
  const auto connections = connect_within(netns_, 8, {.rcvbuf = 65536, .limit = limit.get()});
  watch(options(8));
  const Readers readers(server_ends(connections), 65536, milliseconds(2));
  const auto own = send_blocking(client_ends(connections), 65536, 40);
  const auto stalls = read().per_flow.at(0);
  expect_agreement(stalls, own);
  EXPECT_GE(own.stalls, 8U);
  EXPECT_EQ(of(stalls, Cause::sndbuf_full).waits, 0U);
  EXPECT_GE(of(stalls, Cause::sndbuf_moderated).waits, 8U);
  EXPECT_LE(of(stalls, Cause::unknown).time_ns, stalls.total.time_ns / 50);
}

TEST_P(SendWaitBlocking, AFullBufferOfTheKernelsOwnSizeIsSndbufFull) {
  const auto connections = connect_within(netns_, 2, {.rcvbuf = 65536});
  watch(options(2));
  const Readers readers(server_ends(connections), 262144, milliseconds(2));
  const auto own = send_blocking(client_ends(connections), 1 << 20, 12);
  const auto stalls = read().per_flow.at(0);
  expect_agreement(stalls, own);
  EXPECT_GE(own.stalls, 4U);
  EXPECT_EQ(of(stalls, Cause::sndbuf_full).count, own.stalls);
}

TEST_P(SendWaitBlocking, FastReadersCauseNone) {
  const auto connections = connect_within(netns_, 4, {});
  watch(options(4));
  const Readers readers(server_ends(connections), 1 << 20, Nanoseconds(10'000));
  const auto own = send_blocking(client_ends(connections), 1024, 1000);
  const auto stalls = read().per_flow.at(0);
  EXPECT_EQ(own.sends, 4000U);
  EXPECT_EQ(stalls.total.count, 0U);
  EXPECT_EQ(stalls.total.waits, 0U);
  EXPECT_EQ(stalls.total.time_ns, 0U);
}

TEST_P(SendWaitBlocking, OtherSocketsAreNotCounted) {
  const auto elsewhere = make_loopback();
  const auto other_port = connect_within(netns_, 1, {.port = 5002, .sndbuf = 8192, .rcvbuf = 8192});
  const auto other_netns = connect_within(elsewhere, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  const auto other_side = connect_within(netns_, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  watch(options(4));
  const Readers readers(
      {other_port[0].server.get(), other_netns[0].server.get(), other_side[0].client.get()}, 8192,
      milliseconds(1));
  const auto own = send_blocking(
      {other_port[0].client.get(), other_netns[0].client.get(), other_side[0].server.get()}, 16384,
      20);
  EXPECT_GE(own.stalls, 30U);
  EXPECT_EQ(read().per_flow.at(0).total.waits, 0U);
}

TEST_P(SendWaitBlocking, CountsTheSendsOfTheLastOfManyClients) {
  const auto connections = connect_within(netns_, 2, {.sndbuf = 8192, .rcvbuf = 8192});
  auto wanted = options(4);
  wanted.client_cookies.clear();
  while (wanted.client_cookies.size() < kMaxClients - 1) {
    wanted.client_cookies.push_back(~std::uint64_t{wanted.client_cookies.size()});  // nobody's
  }
  wanted.client_cookies.push_back(netns_.cookie());
  watch(wanted);
  const Readers readers(server_ends(connections), 8192, milliseconds(1));
  const auto own = send_blocking(client_ends(connections), 16384, 20);
  expect_agreement(read().per_flow.at(0), own);
  wanted.client_cookies.push_back(1);
  EXPECT_FALSE(SendWait::load(wanted).probe) << "more than a run may have";
}

TEST_P(SendWaitBlocking, CountsAServersSendsToItsOwnFlowGroup) {
  const auto first = connect_within(netns_, 2, {.sndbuf = 8192, .rcvbuf = 8192});
  const auto second =
      connect_within(netns_, 2, {.port = 5002, .sndbuf = 8192, .rcvbuf = 8192, .ipv6 = true});
  auto wanted = options(4);
  wanted.client_cookies = {};
  wanted.server_cookie = netns_.cookie();
  wanted.flows = 3;
  wanted.ports = {{kTestPort, 0, Side::server}, {5002, 2, Side::server}};
  watch(wanted);
  auto fds = client_ends(first);
  for (const int fd : client_ends(second)) fds.push_back(fd);
  const Readers readers(fds, 8192, milliseconds(1));
  const auto own_first = send_blocking(server_ends(first), 16384, 20);
  const auto own_second = send_blocking(server_ends(second), 16384, 30);
  const auto reading = read();
  ASSERT_EQ(reading.per_flow.size(), 3U);
  expect_agreement(reading.per_flow[0], own_first);
  EXPECT_EQ(reading.per_flow[1].total.count, 0U);
  expect_agreement(reading.per_flow[2], own_second);
}

// The peer's data wakes the sender, which finds no room and sleeps again in the
// same call: one wait.
TEST_P(SendWaitBlocking, WakingForNothingStaysOneWait) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  load(options(1));
  std::atomic<pid_t> tid{0};
  std::thread sender([&] {
    tid = ::gettid();
    const std::vector<char> message(65536, 'x');
    EXPECT_GT(::send(connections[0].client.get(), message.data(), message.size(), 0), 0);
  });
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() == 1; }));
  // What the reader still has to acknowledge comes with its first byte.
  EXPECT_EQ(::send(connections[0].server.get(), "x", 1, 0), 1);
  EXPECT_TRUE(settles(client_ends(connections), [&] { return probe_->blocked_now() == 1; }));
  from_ = mono_now();
  probe_->set_window(from_, from_ + seconds(170));
  const auto slept = times_slept(tid);
  for (int i = 1; i <= 3; ++i) {
    EXPECT_EQ(::send(connections[0].server.get(), "x", 1, 0), 1);
    EXPECT_TRUE(eventually([&] { return times_slept(tid) >= slept + i; }));
  }
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() == 1; }));
  const auto to = mono_now();
  probe_->set_window(from_, to);
  const auto stalls = probe_->read().per_flow.at(0);
  EXPECT_EQ(stalls.total.count, 1U);
  EXPECT_EQ(stalls.total.waits, 1U);
  EXPECT_EQ(stalls.total.open_at_end, 1U);
  EXPECT_EQ(stalls.total.time_ns, static_cast<std::uint64_t>((to - from_).count()));
  const Readers readers(server_ends(connections), 65536, milliseconds(1));
  sender.join();
}

TEST_P(SendWaitBlocking, ThreadsOnOneSocketEachHaveTheirStall) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  watch(options(2));
  const int fd = connections[0].client.get();
  std::thread senders([&] { send_blocking({fd, fd}, 65536, 1); });
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() == 2; }));
  probe_->set_window(from_, mono_now());
  const auto stalls = probe_->read().per_flow.at(0);
  EXPECT_EQ(stalls.total.count, 2U);
  EXPECT_EQ(stalls.total.open_at_end, 2U);
  const Readers readers(server_ends(connections), 65536, milliseconds(1));
  senders.join();
}

TEST_P(SendWaitBlocking, AKilledSendersStallEnds) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  watch(options(1));
  const pid_t child = ::fork();
  if (child == 0) {
    const std::vector<char> message(65536, 'x');
    static_cast<void>(!::send(connections[0].client.get(), message.data(), message.size(), 0));
    ::_exit(0);
  }
  EXPECT_TRUE(settles(client_ends(connections), [&] { return probe_->blocked_now() == 1; }));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  const auto stalls = read().per_flow.at(0);
  EXPECT_EQ(stalls.total.count, 1U);
  EXPECT_GE(stalls.total.waits, 1U);
  EXPECT_EQ(stalls.total.open_at_end, 0U);
}

TEST_P(SendWaitBlocking, ASendThatTimesOutIsABlockingStall) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  const int fd = connections[0].client.get();
  const std::vector<char> message(65536, 'x');
  EXPECT_TRUE(settles({fd}, [&] {
    return ::send(fd, message.data(), message.size(), MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }));
  const timeval timeout{0, 50'000};
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout), 0);
  auto wanted = options(1);
  wanted.nonblocking_senders = 1;
  watch(wanted);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(::send(fd, message.data(), message.size(), 0), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
  const auto stalls = read().per_flow.at(0);
  EXPECT_EQ(stalls.total.count, 2U);
  EXPECT_EQ(stalls.total.waits, 2U);
  EXPECT_GE(stalls.total.time_ns, 90'000'000U);
  EXPECT_EQ(stalls.total.open_at_end, 0U);
}

TEST_P(SendWaitBlocking, SaysHowManyWaitsItLost) {
  const auto connections = connect_within(netns_, 32, {.sndbuf = 8192, .rcvbuf = 8192});
  watch(options(1));
  std::thread senders([&] { send_blocking(client_ends(connections), 65536, 1); });
  EXPECT_TRUE(eventually([&] { return probe_->blocked_now() >= 1; }));
  const Readers readers(server_ends(connections), 65536, milliseconds(5));
  senders.join();
  probe_->set_window(from_, mono_now());
  EXPECT_GT(probe_->read().lost_events, 0U);
}

INSTANTIATE_TEST_SUITE_P(By, SendWaitBlocking, ::testing::ValuesIn(all_backends()),
                         [](const auto& backend) { return std::string(name_of(backend.param)); });

}  // namespace
}  // namespace netstall
