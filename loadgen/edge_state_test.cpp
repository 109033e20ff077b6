#include "loadgen/edge_state.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

constexpr std::int64_t kEdge = 1'000'000;

void expect_state(const EdgeState& state, std::uint64_t waits, bool waiting, std::int64_t off) {
  EXPECT_EQ(state.waits, waits);
  EXPECT_EQ(state.waiting, waiting);
  EXPECT_EQ(state.off_cpu_ns, off);
}

void expect_sure(const EdgeState& state) {
  EXPECT_EQ(state.unsure_begun, 0U);
  EXPECT_EQ(state.unsure_over, 0U);
}

// A log from 100 µs before the edge to 100 µs after it, times relative to the edge.
SwitchHistory history(std::vector<Switch> switches) {
  for (auto& event : switches) event.at_ns += kEdge;
  return {kEdge - 100'000, kEdge + 100'000, std::move(switches)};
}

// Of a send() with 8 waits and 700 µs off the CPU, from long before the edge to 50 µs
// after it.
EdgeState logged(std::vector<Switch> switches, const UnloggedState& unlogged = {}) {
  const SendSoFar so_far{1'000, kEdge + 50'000, 8, 700'000};
  const auto state = edge_state(history(std::move(switches)), kEdge, so_far, unlogged);
  EXPECT_TRUE(state);
  return state.value_or(EdgeState{});
}

constexpr auto kRan = SwitchKind::ran;
constexpr auto kSlept = SwitchKind::slept;
constexpr auto kPreempted = SwitchKind::preempted;

TEST(EdgeStateByLog, AsleepAtTheEdge) {
  const auto state = logged({{-20'000, kSlept}, {30'000, kRan}});
  expect_state(state, 8, true, 670'000);
  expect_sure(state);
  EXPECT_FALSE(state.tail);
}

TEST(EdgeStateByLog, WaitsThatBeganLaterAreTakenAway) {
  const auto state = logged(
      {{-20'000, kSlept}, {-10'000, kRan}, {20'000, kSlept}, {30'000, kRan}, {40'000, kSlept}});
  expect_state(state, 6, false, 680'000);
  expect_sure(state);
  EXPECT_FALSE(state.tail);
}

TEST(EdgeStateByLog, AfterItsLastWaitAnotherClockMayHaveTheSendEnd) {
  const auto state = logged({{-20'000, kSlept}, {-10'000, kRan}});
  expect_state(state, 8, false, 700'000);
  EXPECT_TRUE(state.tail);
  expect_sure(state);
}

TEST(EdgeStateByLog, APreemptedThreadDoesNotWait) {
  const auto state =
      logged({{-20'000, kSlept}, {-15'000, kRan}, {-10'000, kPreempted}, {30'000, kRan}});
  expect_state(state, 8, false, 670'000);
}

TEST(EdgeStateByLog, AsleepFromBeforeTheLog) {
  const auto woken = logged({{30'000, kRan}}, {true, false});
  expect_state(woken, 8, true, 670'000);
  expect_sure(woken);
  const auto still = logged({}, {true, true});
  expect_state(still, 8, true, 650'000);
  expect_sure(still);
}

TEST(EdgeStateByLog, OffTheCpuFromBeforeTheLogAndPerhapsPreempted) {
  const auto state = logged({{30'000, kRan}});
  expect_state(state, 8, true, 670'000);
  EXPECT_EQ(state.unsure_over, 1U);
  EXPECT_EQ(state.unsure_begun, 0U);
}

TEST(EdgeStateByLog, RunnableSinceBeforeTheLogAndNeverOnTheCpu) {
  const auto state = logged({}, {false, true});
  expect_state(state, 8, true, 650'000);
  EXPECT_EQ(state.unsure_over, 1U);
}

TEST(EdgeStateByLog, SwitchesBeforeTheSendAreNotIts) {
  const SendSoFar so_far{kEdge - 10'000, kEdge + 50'000, 1, 15'000};
  const auto state =
      edge_state(history({{-30'000, kSlept}, {-20'000, kRan}, {15'000, kSlept}, {30'000, kRan}}),
                 kEdge, so_far, UnloggedState{});
  ASSERT_TRUE(state);
  expect_state(*state, 0, false, 0);
  expect_sure(*state);
}

TEST(EdgeStateByLog, SwitchesAfterTheSendAreNotIts) {
  const SendSoFar so_far{1'000, kEdge + 20'000, 3, 400'000};
  const auto state = edge_state(history({{-30'000, kSlept}, {10'000, kRan}, {25'000, kSlept}}),
                                kEdge, so_far, {true, true});
  ASSERT_TRUE(state);
  expect_state(*state, 3, true, 390'000);
}

TEST(EdgeStateByLog, WhatHappensAtTheEdgeItselfIsUnsure) {
  const auto began = logged({{-30'000, kSlept}, {-20'000, kRan}, {1'500, kSlept}, {30'000, kRan}});
  EXPECT_EQ(began.waits, 7U);
  EXPECT_EQ(began.unsure_begun, 1U);
  EXPECT_EQ(began.unsure_over, 0U);
  for (const std::int64_t at : {-500, 20'000}) {
    const auto over = logged({{-30'000, kSlept}, {at, kRan}, {30'000, kSlept}});
    EXPECT_EQ(over.unsure_begun, 0U);
    EXPECT_EQ(over.unsure_over, 1U);
  }
}

TEST(EdgeStateByLog, ALogThatBeganLateOrEndedEarlyTellsNothing) {
  const SendSoFar so_far{1'000, kEdge + 50'000, 8, 700'000};
  EXPECT_FALSE(edge_state({kEdge + 1, kEdge + 60'000, {}}, kEdge, so_far, {true, true}));
  EXPECT_FALSE(edge_state({kEdge - 9, kEdge + 40'000, {}}, kEdge, so_far, {true, true}));
  EXPECT_FALSE(edge_state(SwitchHistory{}, kEdge, so_far, {true, true}));
}

// Seen 50 ns after the edge, of a thread whose CPU time was 3'000 and which had been
// off the CPU for 6'000 and waited 20 times when it began to send; and had waited 21
// times before the edge.
EdgeState looked(std::int64_t second, std::int64_t last, std::uint64_t waits, bool asleep,
                 std::int64_t cpu_before = 3'000) {
  EdgeReadings readings;
  readings.edge_ns = 10'000;
  readings.status_before = ThreadStatus{21, true};
  readings.cpu_before_ns = cpu_before;
  readings.at_ns = 10'050;
  readings.cpu_first_ns = 3'000;
  readings.cpu_second_ns = second;
  readings.cpu_last_ns = last;
  readings.status = {waits, asleep};
  readings.base_waits = 20;
  readings.base_off_cpu_ns = 6'000;
  return edge_state(readings);
}

TEST(EdgeStateByLooks, AsleepThroughBothIsExact) {
  for (const bool asleep : {true, false}) {  // false: woken but not yet running
    const auto state = looked(3'000, 3'000, 21, asleep);
    expect_state(state, 1, true, 1'000);
    expect_sure(state);
    EXPECT_FALSE(state.tail);
  }
}

TEST(EdgeStateByLooks, RanBeforeTheEdgeAndSleepsAfterIt) {
  const auto state = looked(3'000, 3'000, 23, true, 2'500);
  expect_state(state, 3, true, 1'000);
  // Two waits began between the looks, and one was going on.
  EXPECT_EQ(state.unsure_begun, 3U);
  EXPECT_EQ(state.unsure_over, 3U);
}

TEST(EdgeStateByLooks, AsleepAtTheEdgeAndAgainWhenLookedAt) {
  const auto state = looked(3'000, 3'400, 22, true);
  expect_state(state, 1, true, 1'000);
  EXPECT_EQ(state.unsure_begun, 2U);
}

TEST(EdgeStateByLooks, RunningBetweenTwoWaits) {
  expect_state(looked(3'200, 3'400, 24, false), 4, false, 1'050);
  expect_state(looked(3'200, 3'400, 25, true), 4, false, 1'050);
  EXPECT_TRUE(looked(3'200, 3'400, 25, true).tail);
}

TEST(EdgeStateByLooks, WithoutALookBeforeAllOfTheSendIsUnsure) {
  EdgeReadings readings;
  readings.status = {25, true};
  readings.base_waits = 20;
  const auto state = edge_state(readings);
  EXPECT_EQ(state.waits, 5U);
  EXPECT_EQ(state.unsure_begun, 6U);
  EXPECT_EQ(state.unsure_over, 6U);
}

}  // namespace
}  // namespace netstall
