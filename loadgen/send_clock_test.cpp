#include "loadgen/send_clock.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <thread>
#include <vector>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

std::uint64_t voluntary_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw);
}

// A stream socket pair whose other end reads now and then.
class SlowPair {
 public:
  SlowPair() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    near_ = Fd(ends[0]);
    far_ = Fd(ends[1]);
    reader_ = std::thread([this] { read(); });
  }
  ~SlowPair() {
    near_.reset();
    reader_.join();
  }
  int fd() const noexcept { return near_.get(); }

 private:
  void read() {
    std::vector<char> buffer(1 << 20);
    for (unsigned i = 0; ::recv(far_.get(), buffer.data(), 1 + i * 7919 % 200'000, 0) > 0; ++i) {
      const timespec pause{0, 200'000};
      if (i % 4 == 0) ::clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
    }
  }
  Fd near_;
  Fd far_;
  std::thread reader_;
};

// Sends of mixed sizes: most do not wait, some once, some many times.
void account_for_every_wait(SwitchGate gate) {
  const bool exact = gate.exact();
  SlowPair pair;
  SwitchBase base;
  SendClock clock(gate, base);
  const std::vector<char> payload(1 << 19);
  const auto switches_before = voluntary_switches();
  std::uint64_t waits = 0;
  std::uint64_t stalls = 0;
  std::uint64_t off_cpu = 0;
  for (unsigned i = 0; i < 4'000; ++i) {
    const std::size_t size = i % 40 == 0 ? payload.size() : 1 + i * 104'729 % 20'000;
    clock.before(mono_now().ns);
    const auto began = mono_now().ns;
    ASSERT_GT(::send(pair.fd(), payload.data(), size, MSG_NOSIGNAL), 0);
    const auto ended = mono_now().ns;
    const auto waited = clock.after(began, ended);
    if (!waited) continue;
    ++stalls;
    waits += waited->waits;
    EXPECT_EQ(waited->began_ns, began);
    EXPECT_EQ(waited->ended_ns, ended);
    EXPECT_GT(waited->waits, 0U);
    // Zero at the shortest: two clocks tell it. Without rseq, also where the readings
    // themselves were preempted.
    EXPECT_GE(waited->off_cpu_ns, 0);
    EXPECT_LE(waited->off_cpu_ns, ended - began);
    if (waited->off_cpu_ns > 0) ++off_cpu;
  }
  // The thread did nothing else that could sleep.
  EXPECT_EQ(waits, voluntary_switches() - switches_before);
  EXPECT_GT(stalls, 100U);
  EXPECT_GT(waits, stalls);
  if (exact) {
    EXPECT_GE(off_cpu * 100, stalls * 95);
  }
}

TEST(SendClock, AccountsForEveryWait) {
  const SwitchGate gate;
  if (!gate.exact()) GTEST_SKIP() << "rseq does not tell of context switches here";
  account_for_every_wait(gate);
}

TEST(SendClock, AccountsForEveryWaitWithoutRseq) {
  account_for_every_wait(SwitchGate::without_rseq());
}

TEST(SendClock, ASleepOutsideIsNoWait) {
  for (const auto& gate : {SwitchGate(), SwitchGate::without_rseq()}) {
    SlowPair pair;
    SwitchBase base;
    SendClock clock(gate, base);
    const timespec pause{0, 100'000};
    for (int i = 0; i < 50; ++i) {
      ::clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, nullptr);
      clock.before(mono_now().ns);
      const auto began = mono_now().ns;
      ASSERT_EQ(::send(pair.fd(), "x", 1, MSG_NOSIGNAL), 1);
      EXPECT_FALSE(clock.after(began, mono_now().ns));
    }
  }
}

TEST(SendClock, PublishesItsBase) {
  SwitchBase base;
  const auto before = voluntary_switches();
  const SendClock clock(SwitchGate::without_rseq(), base);
  EXPECT_EQ(base.waits, before);
  EXPECT_GT(base.off_cpu_ns, 0);
}

}  // namespace
}  // namespace netstall
