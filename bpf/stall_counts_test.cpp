#include "bpf/stall_counts.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace netstall {
namespace {

constexpr BpfWindow kWindow{1000, 2000};

StallCount of(const Stalls& stalls, Cause cause) {
  return stalls.by_cause.at(cause).value();
}

// Of two flow groups, as the programs leave them.
struct Counted {
  std::vector<netstall_sums> sums = std::vector<netstall_sums>(2UL * NETSTALL_CAUSES);
  std::vector<netstall_sub_sums> sub_sums = std::vector<netstall_sub_sums>(2UL * NETSTALL_SUBS);
  std::vector<std::uint64_t> slots = std::vector<std::uint64_t>(netstall_first_slot(2, 0, 0));

  void add(std::uint32_t flow, std::uint32_t cause, std::uint32_t kind, std::uint64_t value) {
    ++slots.at(netstall_first_slot(flow, cause, kind) + netstall_hdr_index_of(value));
  }
};

netstall_eagain eagain(std::uint64_t from, std::uint32_t cause) {
  netstall_eagain made{};
  made.from = from;
  made.why.cause = cause;
  return made;
}

TEST(Clip, LeavesWhatLiesWithin) {
  const auto part = netstall_clip(1100, 1300, 50, 1000, 2000);
  EXPECT_EQ(part.time_ns, 200U);
  EXPECT_EQ(part.queue_ns, 50U);
}

TEST(Clip, CutsAtBothEdges) {
  EXPECT_EQ(netstall_clip(500, 2500, 0, 1000, 2000).time_ns, 1000U);
  EXPECT_EQ(netstall_clip(500, 1500, 0, 1000, 2000).time_ns, 500U);
  EXPECT_EQ(netstall_clip(1500, 2500, 0, 1000, 2000).time_ns, 500U);
  EXPECT_EQ(netstall_clip(500, 1000, 0, 1000, 2000).time_ns, 0U);
  EXPECT_EQ(netstall_clip(2000, 2500, 0, 1000, 2000).time_ns, 0U);
}

TEST(Clip, TakesTheRunQueueFromTheWaitsEnd) {
  // It queued from 1900 to 2100.
  EXPECT_EQ(netstall_clip(1500, 2100, 200, 1000, 2000).queue_ns, 100U);
  EXPECT_EQ(netstall_clip(500, 1100, 200, 1000, 2000).queue_ns, 100U);
  EXPECT_EQ(netstall_clip(500, 2500, 200, 1000, 2000).queue_ns, 0U);
  // Never more than the wait itself.
  EXPECT_EQ(netstall_clip(1500, 1600, 900, 1000, 2000).queue_ns, 100U);
}

TEST(MainCause, TookMostOfTheTime) {
  __u64 times[NETSTALL_CAUSE_ROOM] = {5, 20};
  times[NETSTALL_CAUSE_MEM_SHORTAGE] = 30;
  EXPECT_EQ(netstall_main_cause(times), std::uint32_t{NETSTALL_CAUSE_MEM_SHORTAGE});
}

TEST(StallCounts, ReadTheArraysOfTheirFlowGroup) {
  Counted counted;
  counted.sums[netstall_sums_key(1, NETSTALL_CAUSE_SNDBUF_FULL)] = {.stalls = 1,
                                                                    .waits = 2,
                                                                    .time_ns = 1'000'300,
                                                                    .queue_ns = 7,
                                                                    .open_at_start = 1,
                                                                    .longest_stall = 1'000'300,
                                                                    .longest_wait = 1'000'001};
  counted.add(1, NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_OF_STALLS, 1'000'300);
  counted.add(1, NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_OF_WAITS, 299);
  counted.add(1, NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_OF_WAITS, 1'000'001);

  StallCounts first;
  first.add_counted(0, counted.sums, counted.sub_sums, counted.slots);
  const auto none = first.take(true, {});
  EXPECT_EQ(none.total.count, 0U);
  EXPECT_TRUE(none.total.duration.empty());
  EXPECT_TRUE(none.total.wait.has_value());

  StallCounts second;
  second.add_counted(1, counted.sums, counted.sub_sums, counted.slots);
  const auto stalls = second.take(true, {});
  EXPECT_TRUE(stalls.run_queue_known);
  const auto full = of(stalls, Cause::sndbuf_full);
  EXPECT_EQ(full.count, 1U);
  EXPECT_EQ(full.waits, 2U);
  EXPECT_EQ(full.time_ns, 1'000'300U);
  EXPECT_EQ(full.run_queue_ns, 7U);
  EXPECT_EQ(full.open_at_start, 1U);
  EXPECT_EQ(full.open_at_end, 0U);
  EXPECT_EQ(full.duration.count(), 1U);
  // The longest is exact, not its slot's bound.
  EXPECT_EQ(full.duration.max(), 1'000'300U);
  EXPECT_EQ(full.wait->count(), 2U);
  EXPECT_EQ(full.wait->min(), 299U);
  EXPECT_EQ(full.wait->max(), 1'000'001U);
  EXPECT_EQ(of(stalls, Cause::mem_shortage).count, 0U);
  EXPECT_EQ(stalls.total.count, 1U);
  EXPECT_EQ(stalls.total.waits, 2U);
  EXPECT_EQ(stalls.total.wait->count(), 2U);
}

TEST(StallCounts, ClipAWaitThatLasts) {
  StallCounts counts;
  netstall_send send{};
  send.wait_from = 400;
  send.asleep = 1;
  send.why.cause = NETSTALL_CAUSE_MEM_SHORTAGE;
  counts.add_open(send, kWindow);
  send.wait_from = 1600;
  counts.add_open(send, kWindow);
  const auto shortage = of(counts.take(true, {}), Cause::mem_shortage);
  EXPECT_EQ(shortage.count, 2U);
  EXPECT_EQ(shortage.waits, 2U);
  EXPECT_EQ(shortage.time_ns, 1400U);
  EXPECT_EQ(shortage.open_at_start, 1U);
  EXPECT_EQ(shortage.open_at_end, 2U);
  EXPECT_EQ(shortage.duration.min(), 400U);
  EXPECT_EQ(shortage.duration.max(), 1000U);
}

TEST(StallCounts, AStallBetweenItsWaitsIsOpen) {
  StallCounts counts;
  netstall_send send{};
  send.began = 1100;
  send.waits = 3;
  send.time_ns[NETSTALL_CAUSE_SNDBUF_FULL] = 200;
  send.time_ns[NETSTALL_CAUSE_MEM_SHORTAGE] = 100;
  counts.add_open(send, kWindow);
  const auto stalls = counts.take(true, {});
  // Its waits are in the arrays already.
  EXPECT_EQ(stalls.total.waits, 0U);
  EXPECT_EQ(stalls.total.time_ns, 0U);
  EXPECT_EQ(of(stalls, Cause::sndbuf_full).count, 1U);
  EXPECT_EQ(of(stalls, Cause::sndbuf_full).open_at_end, 1U);
  EXPECT_EQ(of(stalls, Cause::sndbuf_full).open_at_start, 0U);
  EXPECT_EQ(of(stalls, Cause::sndbuf_full).duration.max(), 300U);
}

TEST(StallCounts, AddAWaitThatNoProgramAddedYet) {
  StallCounts counts;
  netstall_send send{};
  send.began = 900;
  send.waits = 1;
  send.time_ns[NETSTALL_CAUSE_SNDBUF_FULL] = 50;
  send.wait_from = 1500;
  send.wait_to = 1700;
  send.queue_ns = 20;
  send.why.cause = NETSTALL_CAUSE_MEM_SHORTAGE;
  counts.add_open(send, kWindow);
  const auto stalls = counts.take(true, {});
  // The stall takes the cause of its longer part.
  const auto shortage = of(stalls, Cause::mem_shortage);
  EXPECT_EQ(shortage.count, 1U);
  EXPECT_EQ(shortage.waits, 1U);
  EXPECT_EQ(shortage.time_ns, 200U);
  EXPECT_EQ(shortage.run_queue_ns, 20U);
  EXPECT_EQ(shortage.duration.max(), 250U);
  EXPECT_EQ(shortage.open_at_start, 1U);
}

TEST(StallCounts, ASendThatOnlyWasRefusedMemoryIsNoStall) {
  StallCounts counts;
  netstall_send send{};
  send.refused = 1;
  counts.add_open(send, kWindow);
  EXPECT_EQ(counts.take(true, {}).total.count, 0U);
}

TEST(StallCounts, WhatTheWindowDoesNotTouchIsNoStall) {
  StallCounts counts;
  netstall_send before{};
  before.began = 100;
  before.wait_from = 500;
  before.wait_to = 1000;
  counts.add_open(before, kWindow);
  counts.add_open(eagain(2000, NETSTALL_CAUSE_UNKNOWN), kWindow);
  EXPECT_EQ(counts.take(true, {}).total.count, 0U);
}

TEST(StallCounts, EagainIsOneWaitAndOneStall) {
  StallCounts counts;
  counts.add_open(eagain(1900, NETSTALL_CAUSE_SNDBUF_FULL), kWindow);
  counts.add_open(eagain(100, NETSTALL_CAUSE_SNDBUF_FULL), kWindow);
  const auto full = of(counts.take(false, {}), Cause::sndbuf_full);
  EXPECT_EQ(full.count, 2U);
  EXPECT_EQ(full.waits, 2U);
  EXPECT_EQ(full.time_ns, 1100U);
  EXPECT_EQ(full.open_at_start, 1U);
  EXPECT_EQ(full.open_at_end, 2U);
}

TEST(StallCounts, AWaitThatNeverCameToSleepIsNone) {
  StallCounts counts;
  netstall_send send{};
  send.wait_from = 1500;
  counts.add_open(send, kWindow);
  EXPECT_EQ(counts.take(true, {}).total.waits, 0U);
}

TEST(StallCounts, SubCausesHaveTheirWaits) {
  Counted counted;
  counted.sub_sums[netstall_sub_key(1, NETSTALL_SUB_NETWORK)] = {.waits = 3, .time_ns = 70};
  StallCounts counts;
  counts.add_counted(1, counted.sums, counted.sub_sums, counted.slots);
  auto open = eagain(1900, NETSTALL_CAUSE_SNDBUF_FULL);
  open.why.sub = NETSTALL_SUB_NETWORK;
  counts.add_open(open, kWindow);
  open.why.sub = NETSTALL_SUB_UNTOLD;
  counts.add_open(open, kWindow);
  const auto stalls = counts.take(true, {});
  EXPECT_EQ(stalls.by_sub_cause.at(SubCause::network)->waits, 4U);
  EXPECT_EQ(stalls.by_sub_cause.at(SubCause::network)->time_ns, 170U);
  EXPECT_EQ(stalls.by_sub_cause.at(SubCause::peer_window)->waits, 0U);
}

TEST(StallCounts, WhatTheBackendCannotTellIsAbsent) {
  const auto stalls = StallCounts().take(true, std::array{Cause::cgroup_throttle});
  EXPECT_FALSE(stalls.by_cause.at(Cause::cgroup_throttle));
  EXPECT_TRUE(stalls.by_cause.at(Cause::eagain_spin));
}

}  // namespace
}  // namespace netstall
