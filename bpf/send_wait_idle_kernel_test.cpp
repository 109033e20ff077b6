// Traffic that never blocks shows no stall, by any backend, but for the one that is planted at
// its end; and at as many events a second as the machine can make, totals are exact.
//
// NETSTALL_IDLE_SECONDS sets how long it never blocks (scripts/idle.sh: 60).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Probe {
  std::string backend;
  SendWait probe;
};

std::vector<Probe> load_all(const Netns& netns, std::uint32_t blocking, std::uint32_t nonblocking) {
  std::vector<Probe> probes;
  for (const auto backend : all_backends()) {
    auto loaded = SendWait::load(probe_options(backend, netns, blocking, nonblocking));
    if (loaded.probe) {
      probes.push_back({std::string(name_of(backend)), std::move(*loaded.probe)});
    }
  }
  return probes;
}

Nanoseconds idle_time() {
  const char* text = std::getenv("NETSTALL_IDLE_SECONDS");
  return seconds(text != nullptr ? std::strtol(text, nullptr, 10) : 2);
}

// Sends as fast as the reader takes it, and never has more than a megabyte under way, of the
// eight for which there is room.
std::uint64_t send_within_room(const Connection& connection, Nanoseconds time, OwnClock& own) {
  constexpr std::uint64_t kUnderWay = 1 << 20;
  std::atomic<std::uint64_t> taken{0};
  std::thread reader([&] {
    std::vector<char> buffer(1 << 18);
    for (;;) {
      const auto got = ::recv(connection.server.get(), buffer.data(), buffer.size(), 0);
      if (got <= 0) return;
      taken += static_cast<std::uint64_t>(got);
    }
  });
  constexpr std::size_t kMessage = 16384;
  std::uint64_t sent = 0;
  const Deadline deadline(time);
  while (!deadline.passed()) {
    while (sent - taken > kUnderWay) ::sched_yield();
    own += send_blocking({connection.client.get()}, kMessage, 64);
    sent += 64 * kMessage;
  }
  ::shutdown(connection.client.get(), SHUT_WR);
  reader.join();
  return taken;
}

TEST(SendWaitIdle, ShowsNoStallButThePlantedOne) {
  const auto netns = make_loopback();
  auto probes = load_all(netns, 8, 0);
  if (probes.empty()) GTEST_SKIP() << "no backend loads here";
  const auto fast = connect_within(netns, 2, {.sndbuf = 8 << 20});
  const auto planted = connect_within(netns, 1, {.sndbuf = 8192, .rcvbuf = 8192});
  const auto from = mono_now();
  for (auto& [backend, probe] : probes) probe.set_window(from, from + seconds(3600));

  std::vector<OwnClock> own(fast.size());
  std::vector<std::uint64_t> bytes(fast.size());
  std::vector<std::thread> senders;
  for (std::size_t i = 0; i < fast.size(); ++i) {
    senders.emplace_back([&, i] { bytes[i] = send_within_room(fast[i], idle_time(), own[i]); });
  }
  for (auto& sender : senders) sender.join();
  const auto idle = mono_now();
  std::uint64_t sum = 0;
  for (const auto each : bytes) sum += each;
  EXPECT_GT(sum, 1U << 20);
  for (auto& [backend, probe] : probes) EXPECT_EQ(probe.blocked_now(), 0) << backend;

  OwnClock stall;
  std::thread sender([&] { stall = send_blocking(client_ends(planted), 65536, 1); });
  EXPECT_TRUE(eventually([&] { return probes.front().probe.blocked_now() == 1; }));
  {
    const Readers readers(server_ends(planted), 65536, milliseconds(1));
    sender.join();
  }
  EXPECT_EQ(stall.stalls, 1U);
  const auto to = mono_now();
  for (auto& [backend, probe] : probes) {
    probe.set_window(from, to);
    const auto reading = probe.read();
    const auto& total = reading.per_flow.at(0).total;
    std::printf("%s: %.1f s, %.0f MB/s, %llu stalls\n", backend.c_str(),
                static_cast<double>((idle - from).count()) / 1e9,
                static_cast<double>(sum) * 1e3 / static_cast<double>((idle - from).count()),
                static_cast<unsigned long long>(total.count));
    EXPECT_EQ(total.count, 1U) << backend;
    EXPECT_EQ(total.waits, stall.waits) << backend;
    expect_none_lost(reading.lost_events);
  }
}

// What a program counts of its own: EAGAIN, and how often a byte was accepted after some.
struct Answers {
  std::uint64_t sends = 0;
  std::uint64_t eagains = 0;
  std::uint64_t stalls = 0;
};

// Fills the buffer, tries in vain, and makes room again, over and over.
Answers stall_often(const Connection& connection, Nanoseconds time) {
  constexpr int kVain = 64;
  std::vector<char> buffer(65536, 'x');
  Answers own;
  bool stalled = false;
  int vain = 0;
  for (const Deadline deadline(time); !deadline.passed() || stalled;) {
    const auto sent = ::send(connection.client.get(), buffer.data(), 8192, MSG_DONTWAIT);
    ++own.sends;
    if (sent > 0) {
      own.stalls += stalled ? 1 : 0;
      stalled = false;
      vain = 0;
      continue;
    }
    EXPECT_EQ(errno, EAGAIN);
    ++own.eagains;
    stalled = true;
    if (++vain < kVain) continue;
    EXPECT_NE(::recv(connection.server.get(), buffer.data(), buffer.size(), MSG_DONTWAIT), 0);
  }
  return own;
}

TEST(SendWaitRate, TotalsAreExactAtAsManyEventsAsTheMachineMakes) {
  constexpr std::size_t kSenders = 2;
  const auto netns = make_loopback();
  auto probes = load_all(netns, 0, kSenders);
  if (probes.empty()) GTEST_SKIP() << "no backend loads here";
  for (auto& [backend, probe] : probes) {
    const auto connections = connect_within(netns, kSenders, {.sndbuf = 8192, .rcvbuf = 8192});
    const auto from = mono_now();
    probe.set_window(from, from + seconds(600));
    std::vector<Answers> own(kSenders);
    std::vector<std::thread> senders;
    for (std::size_t i = 0; i < kSenders; ++i) {
      senders.emplace_back([&, i] { own[i] = stall_often(connections[i], seconds(1)); });
    }
    for (auto& sender : senders) sender.join();
    const auto to = mono_now();
    probe.set_window(from, to);
    const auto reading = probe.read();
    Answers sum;
    for (const auto& each : own) {
      sum.sends += each.sends;
      sum.eagains += each.eagains;
      sum.stalls += each.stalls;
    }
    const auto rate = [&](std::uint64_t count) {
      return static_cast<double>(count) * 1e9 / static_cast<double>((to - from).count());
    };
    std::printf("%s: %.0f sends/s, %.0f EAGAIN/s, %.0f stalls/s\n", backend.c_str(),
                rate(sum.sends), rate(sum.eagains), rate(sum.stalls));
    const auto& total = reading.per_flow.at(0).total;
    EXPECT_GT(sum.stalls, 10U);
    EXPECT_EQ(total.count, sum.stalls) << backend;
    EXPECT_EQ(total.waits, sum.stalls) << backend;
    EXPECT_EQ(total.duration.count(), sum.stalls) << backend;
    EXPECT_EQ(total.open_at_end, 0U) << backend;
    expect_none_lost(reading.lost_events);
  }
}

}  // namespace
}  // namespace netstall
