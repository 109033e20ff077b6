#include "bench/trace/wall_clock.hpp"

#include <gtest/gtest.h>

#include <ctime>

namespace netstall {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Two clocks of the test's own.
struct Clocks {
  ClockPair pair{100 * kSecond, 5000 * kSecond, 500};
  void pass(std::int64_t ns) {
    pair.kernel_ns += ns;
    pair.wall_ns += ns;
  }
};

TEST(WallClock, AddsTheDifferenceOfTheClocks) {
  Clocks clocks;
  const WallClock clock([&] { return clocks.pair; });
  EXPECT_EQ(clock.to_wall(100 * kSecond), 5000 * kSecond);
  EXPECT_EQ(clock.to_wall(103 * kSecond + 7), 5003 * kSecond + 7);
}

TEST(WallClock, IsRebasedWhereTheWallsClockIsSet) {
  Clocks clocks;
  WallClock clock([&] { return clocks.pair; });
  clocks.pass(kSecond);
  EXPECT_FALSE(clock.rebase());
  clocks.pair.wall_ns += 3600 * kSecond;
  clocks.pass(kSecond);
  EXPECT_TRUE(clock.rebase());
  // What happened before it was noticed keeps the time that the wall showed then.
  EXPECT_EQ(clock.to_wall(101 * kSecond), 5001 * kSecond);
  EXPECT_EQ(clock.to_wall(102 * kSecond), 8602 * kSecond);
  clocks.pair.wall_ns -= 2 * kSecond;
  clocks.pass(kSecond);
  EXPECT_TRUE(clock.rebase());
  EXPECT_EQ(clock.to_wall(102 * kSecond), 8602 * kSecond);
  EXPECT_EQ(clock.to_wall(103 * kSecond), 8601 * kSecond);
}

TEST(WallClock, FollowsADriftOfMicroseconds) {
  Clocks clocks;
  WallClock clock([&] { return clocks.pair; });
  for (int i = 0; i < 100; ++i) {
    clocks.pair.wall_ns += 10'000;
    clocks.pass(kSecond);
    EXPECT_TRUE(clock.rebase());
    EXPECT_EQ(clock.to_wall(clocks.pair.kernel_ns), clocks.pair.wall_ns);
  }
}

TEST(WallClock, IsNotMovedByWhatAReadingIsUnsureOf) {
  Clocks clocks;
  WallClock clock([&] { return clocks.pair; });
  clocks.pass(kSecond);
  clocks.pair.wall_ns += 400;
  EXPECT_FALSE(clock.rebase());
  EXPECT_EQ(clock.to_wall(100 * kSecond), 5000 * kSecond);
  // A reading that was interrupted says nothing.
  clocks.pair.wall_ns += 4'000'000;
  clocks.pair.unsure_ns = 5'000'000;
  EXPECT_FALSE(clock.rebase());
  EXPECT_EQ(clock.to_wall(100 * kSecond), 5000 * kSecond);
}

TEST(WallClock, ReadsTheMachinesClocks) {
  const auto monotonic = [] {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * kSecond + now.tv_nsec;
  };
  WallClock clock([&] { return read_clock_pair(monotonic); });
  timespec wall{};
  ::clock_gettime(CLOCK_REALTIME, &wall);
  const auto now = std::int64_t{wall.tv_sec} * kSecond + wall.tv_nsec;
  EXPECT_NEAR(static_cast<double>(clock.to_wall(monotonic())), static_cast<double>(now), 0.5e9);
}

}  // namespace
}  // namespace netstall
