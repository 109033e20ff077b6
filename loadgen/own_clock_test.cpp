#include "loadgen/own_clock.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

constexpr Window kWindow{1'000, 2'000};

void expect_part(const StallPart& part, std::uint64_t waits, std::uint64_t time_ns, bool at_start,
                 bool at_end) {
  EXPECT_TRUE(part.counts);
  EXPECT_EQ(part.waits, waits);
  EXPECT_EQ(part.time_ns, time_ns);
  EXPECT_EQ(part.open_at_start, at_start);
  EXPECT_EQ(part.open_at_end, at_end);
}

TEST(OwnClock, WithinTheWindowNothingIsCut) {
  expect_part(part_in_window({1'100, 1'500, 3, 350}, kWindow, std::nullopt), 3, 350, false, false);
}

TEST(OwnClock, OutsideTheWindowNothingCounts) {
  EXPECT_FALSE(part_in_window({100, 900, 3, 350}, kWindow, std::nullopt).counts);
  EXPECT_FALSE(part_in_window({100, 1'000, 3, 350}, kWindow, std::nullopt).counts);
  EXPECT_FALSE(part_in_window({2'000, 2'400, 3, 350}, kWindow, std::nullopt).counts);
  EXPECT_FALSE(part_in_window({1'100, 1'500, 0, 0}, kWindow, std::nullopt).counts);
}

TEST(OwnClock, TimeOffTheCpuNeverExceedsTheCall) {
  expect_part(part_in_window({1'100, 1'500, 1, 9'999}, kWindow, std::nullopt), 1, 400, false,
              false);
}

TEST(OwnClock, StartEdgeWithinAWait) {
  // Five waits began before the edge, the fifth went on; two more came.
  const EdgeState at_start{5, true, 300};
  expect_part(part_in_window({500, 1'600, 7, 850}, kWindow, at_start), 3, 550, true, false);
}

TEST(OwnClock, StartEdgeBetweenTwoWaits) {
  const EdgeState at_start{5, false, 300};
  expect_part(part_in_window({500, 1'600, 7, 850}, kWindow, at_start), 2, 550, true, false);
}

TEST(OwnClock, StartEdgeBeforeTheFirstWaitIsNoOpenStall) {
  const EdgeState at_start{0, false, 0};
  expect_part(part_in_window({995, 1'600, 1, 550}, kWindow, at_start), 1, 550, false, false);
}

TEST(OwnClock, StartEdgeAfterTheLastWaitLeavesNothing) {
  const EdgeState at_start{2, false, 400};
  EXPECT_FALSE(part_in_window({500, 1'010, 2, 400}, kWindow, at_start).counts);
}

TEST(OwnClock, StartEdgeUnseenIsOnePieceOfWaitingAtTheEnd) {
  expect_part(part_in_window({500, 1'040, 1, 400}, kWindow, std::nullopt), 1, 40, true, false);
  // It had begun to wait only after the edge.
  expect_part(part_in_window({990, 1'040, 1, 35}, kWindow, std::nullopt), 1, 35, false, false);
}

TEST(OwnClock, EndedJustBehindTheWindowIsOpenAtItsEnd) {
  expect_part(part_in_window({1'500, 2'030, 1, 500}, kWindow, std::nullopt), 1, 470, false, true);
  // All of its waiting lay behind.
  EXPECT_FALSE(part_in_window({1'990, 2'030, 1, 30}, kWindow, std::nullopt).counts);
}

TEST(OwnClock, OpenAtTheEnd) {
  expect_part(open_part(1'500, {3, true, 450}, kWindow, std::nullopt), 3, 450, false, true);
  // In a send() that has not waited yet.
  EXPECT_FALSE(open_part(1'990, {0, false, 0}, kWindow, std::nullopt).counts);
}

TEST(OwnClock, OpenAtBothEdges) {
  const EdgeState at_start{1, true, 790};
  expect_part(open_part(200, {1, true, 1'790}, kWindow, at_start), 1, 1'000, true, true);
  const EdgeState between{4, false, 500};
  expect_part(open_part(200, {6, true, 1'100}, kWindow, between), 2, 600, true, true);
}

TEST(OwnClock, OpenAtTheEndButWaitedOnlyBeforeTheWindow) {
  const EdgeState at_start{4, false, 500};
  EXPECT_FALSE(open_part(200, {4, false, 500}, kWindow, at_start).counts);
}

TEST(OwnClock, NonBlockingStall) {
  expect_part(part_in_window(1'200, 1'300, kWindow), 1, 100, false, false);
  expect_part(part_in_window(200, 1'300, kWindow), 1, 300, true, false);
  expect_part(part_in_window(1'200, 2'300, kWindow), 1, 800, false, true);
  expect_part(part_in_window(200, std::nullopt, kWindow), 1, 1'000, true, true);
  EXPECT_FALSE(part_in_window(200, 1'000, kWindow).counts);
  EXPECT_FALSE(part_in_window(2'000, std::nullopt, kWindow).counts);
}

TEST(OwnClock, WhatIsUnsureAtTheStart) {
  EdgeState at_start{5, true, 300};
  at_start.unsure_over = 1;
  auto part = part_in_window({500, 1'600, 7, 850}, kWindow, at_start);
  EXPECT_EQ(part.waits, 3U);
  EXPECT_EQ(part.unsure_waits, 1U);
  EXPECT_FALSE(part.unsure_stall);
  EXPECT_FALSE(part.unsure_open);
  // One wait, or none.
  part = part_in_window({500, 1'600, 5, 850}, kWindow, at_start);
  EXPECT_EQ(part.waits, 1U);
  EXPECT_TRUE(part.unsure_stall);
  at_start.waiting = false;
  part = part_in_window({500, 1'600, 5, 850}, kWindow, at_start);
  EXPECT_FALSE(part.counts);
  EXPECT_EQ(part.unsure_waits, 1U);
  EXPECT_TRUE(part.unsure_stall);
  // Its first wait began at the edge.
  EdgeState first{1, true, 0};
  first.unsure_begun = 1;
  part = part_in_window({500, 1'600, 5, 850}, kWindow, first);
  EXPECT_EQ(part.unsure_waits, 0U);
  EXPECT_TRUE(part.unsure_open);
}

TEST(OwnClock, WhatIsUnsureAtTheEnd) {
  EdgeState at_end{3, true, 450};
  at_end.unsure_begun = 1;
  auto part = open_part(1'500, at_end, kWindow, std::nullopt);
  EXPECT_EQ(part.unsure_waits, 1U);
  EXPECT_FALSE(part.unsure_stall);
  EXPECT_FALSE(part.unsure_open);
  at_end.waits = 0;
  part = open_part(1'500, at_end, kWindow, std::nullopt);
  EXPECT_FALSE(part.counts);
  EXPECT_TRUE(part.unsure_stall);
  EdgeState tail{3, false, 450};
  tail.tail = true;
  part = open_part(1'500, tail, kWindow, std::nullopt);
  EXPECT_TRUE(part.unsure_open);
  EXPECT_EQ(part.unsure_waits, 0U);
}

TEST(OwnClock, EdgesThatNobodySawMakeAllUnsure) {
  const auto start = part_in_window({500, 1'040, 4, 400}, kWindow, std::nullopt);
  EXPECT_EQ(start.unsure_waits, 4U);
  EXPECT_TRUE(start.unsure_stall);
  const auto end = part_in_window({1'500, 2'030, 4, 500}, kWindow, std::nullopt);
  EXPECT_EQ(end.unsure_waits, 4U);
  EXPECT_TRUE(end.unsure_stall);
  EXPECT_TRUE(end.unsure_open);
  EXPECT_EQ(part_in_window({1'100, 1'500, 4, 350}, kWindow, std::nullopt).unsure_waits, 0U);
}

TEST(OwnClock, SumsUp) {
  OwnStalls stalls;
  add(stalls, part_in_window({1'100, 1'500, 3, 350}, kWindow, std::nullopt));
  add(stalls, open_part(1'500, {2, true, 450}, kWindow, std::nullopt));
  add(stalls, StallPart{});
  StallPart unsure;
  unsure.unsure_waits = 2;
  unsure.unsure_stall = unsure.unsure_open = true;
  add(stalls, unsure);
  OwnStalls sum;
  add(sum, part_in_window(200, 1'300, kWindow));
  merge(sum, stalls);
  EXPECT_EQ(sum.count, 3U);
  EXPECT_EQ(sum.waits, 6U);
  EXPECT_EQ(sum.time_ns, 1'100U);
  EXPECT_EQ(sum.duration.count(), 3U);
  EXPECT_EQ(sum.duration.max(), 450U);
  EXPECT_EQ(sum.open_at_start, 1U);
  EXPECT_EQ(sum.open_at_end, 1U);
  EXPECT_EQ(sum.unsure_stalls, 1U);
  EXPECT_EQ(sum.unsure_waits, 2U);
  EXPECT_EQ(sum.unsure_open, 1U);
}

}  // namespace
}  // namespace netstall
