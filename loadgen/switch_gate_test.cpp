#include "loadgen/switch_gate.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <ctime>

namespace netstall {
namespace {

long voluntary_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

TEST(SwitchGate, SeesEverySleep) {
  const SwitchGate gate;
  if (!gate.exact()) GTEST_SKIP() << "rseq does not tell of context switches here";
  int sleeps = 0;
  for (int i = 0; i < 2'000; ++i) {
    const timespec moment{0, i % 3 * 5'000L};
    const auto before = voluntary_switches();
    gate.arm();
    if (i % 3 != 0) ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
    const bool switched = gate.switched();
    if (voluntary_switches() == before) continue;
    ++sleeps;
    ASSERT_TRUE(switched);
  }
  EXPECT_GT(sleeps, 100);
}

TEST(SwitchGate, StaysShutOnTheCpu) {
  const SwitchGate gate;
  if (!gate.exact()) GTEST_SKIP() << "rseq does not tell of context switches here";
  int shut = 0;
  for (int i = 0; i < 1'000; ++i) {
    gate.arm();
    static_cast<void>(voluntary_switches());
    shut += gate.switched() ? 0 : 1;
  }
  // But for a preemption now and then.
  EXPECT_GT(shut, 500);
}

TEST(SwitchGate, WithoutRseqItIsNotExact) {
  const auto gate = SwitchGate::without_rseq();
  EXPECT_FALSE(gate.exact());
  gate.arm();
}

}  // namespace
}  // namespace netstall
