#include "bench/run/memory_at_rest.hpp"

#include <gmock/gmock.h>
#include <signal.h>

#include <vector>

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Memory as a list of readings, the last one for ever.
struct Readings {
  std::vector<std::int64_t> pages;
  std::size_t next = 0;
  std::int64_t read() { return pages.at(next + 1 < pages.size() ? next++ : next); }
};

std::optional<std::string> awaited(Readings& readings, Nanoseconds patience, Nanoseconds deadline) {
  const Interrupts interrupts;
  MemoryAtRest memory([&readings] { return readings.read(); }, 10);
  return memory.await(interrupts, patience, deadline);
}

TEST(MemoryAtRest, WaitsAsLongAsItFalls) {
  Readings readings{{100, 5'000, 5'000, 4'000, 4'500, 300, 111, 110, 90}};
  EXPECT_EQ(awaited(readings, 1h, 1h), std::nullopt);
  EXPECT_EQ(readings.next, 8U);  // that after 110, which was enough
}

TEST(MemoryAtRest, AtRestFromTheBeginningItWaitsForNothing) {
  Readings readings{{100, 105, 7'000}};
  EXPECT_EQ(awaited(readings, 0s, 0s), std::nullopt);
}

TEST(MemoryAtRest, WhatFallsWhenARunBeginsIsOfAnother) {
  const Interrupts interrupts;
  Readings readings{{9'000, 7'000, 100, 5'000, 105}};
  MemoryAtRest memory([&readings] { return readings.read(); }, 10);
  memory.settle(interrupts, 60ms, 1h);
  EXPECT_EQ(memory.await(interrupts, 0s, 0s), std::nullopt) << "105 pages, and 100 before";
}

TEST(MemoryAtRest, WhatOthersHoldIsSaid) {
  Readings readings{{100, 5'110}};
  const auto said = awaited(readings, 50ms, 1h);
  ASSERT_TRUE(said);
  EXPECT_THAT(*said, HasSubstr("5010 pages more"));
}

TEST(MemoryAtRest, ADeadlineEndsASlowFall) {
  const Interrupts interrupts;
  std::int64_t pages = 1'000'000;
  MemoryAtRest memory([&pages] { return pages--; }, -100'000);
  const auto begun = mono_now();
  EXPECT_TRUE(memory.await(interrupts, 1h, 100ms));
  EXPECT_GE(mono_now() - begun, 100ms);
}

TEST(MemoryAtRest, ASignalEndsIt) {
  Readings readings{{100, 5'000}};
  const Interrupts interrupts;
  MemoryAtRest memory([&readings] { return readings.read(); }, 0);
  ::raise(SIGTERM);
  EXPECT_EQ(memory.await(interrupts, 1h, 1h), std::nullopt);
}

}  // namespace
}  // namespace netstall
