#include "loadgen/ack_times.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(AckTimes, TheFirstNoteThatCoversAMessageIsItsTime) {
  AckTimes times;
  EXPECT_FALSE(times.acknowledged_at(1));
  times.note(9, 100);   // ten bytes
  times.note(29, 200);  // twenty more, of two messages
  EXPECT_EQ(times.acknowledged_at(10), 100);
  EXPECT_EQ(times.acknowledged_at(15), 200);
  EXPECT_EQ(times.acknowledged_at(30), 200);
  EXPECT_FALSE(times.acknowledged_at(31));
  times.note(30, 300);
  EXPECT_EQ(times.acknowledged_at(31), 300);
}

TEST(AckTimes, AByteThatIsSaidTwiceCountsOnce) {
  AckTimes times;
  times.note(9, 100);
  times.note(9, 150);
  times.note(4, 160);
  EXPECT_EQ(times.acknowledged_at(10), 100);
  EXPECT_FALSE(times.acknowledged_at(11));
}

// The kernel's numbers have 32 bits.
TEST(AckTimes, NumbersWrap) {
  AckTimes times;
  constexpr std::uint64_t kStep = 1'000'000'007;
  std::uint64_t end = 0;
  for (std::int64_t i = 1; i <= 50; ++i) {
    end += kStep;
    times.note(static_cast<std::uint32_t>(end - 1), i);
    if (i % 3 == 0) {
      EXPECT_EQ(times.acknowledged_at(end - 1), i);
    }
  }
  EXPECT_EQ(times.acknowledged_at(end), 50);
}

}  // namespace
}  // namespace netstall
