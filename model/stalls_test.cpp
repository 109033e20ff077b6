#include <gtest/gtest.h>

#include "model/report.hpp"

namespace netstall {
namespace {

StallCount stalls_of(std::uint64_t count, std::uint64_t each_ns, bool with_waits = true) {
  StallCount stalls;
  stalls.count = count;
  stalls.waits = count;
  stalls.time_ns = count * each_ns;
  stalls.duration.record(each_ns, count);
  if (with_waits) stalls.wait = stalls.duration;
  return stalls;
}

TEST(Stalls, CountsAddUp) {
  auto stalls = stalls_of(2, 1000);
  auto other = stalls_of(3, 2000);
  other.run_queue_ns = 5;
  other.open_at_start = 1;
  other.open_at_end = 2;
  stalls.merge(other);
  EXPECT_EQ(stalls.count, 5U);
  EXPECT_EQ(stalls.waits, 5U);
  EXPECT_EQ(stalls.time_ns, 8000U);
  EXPECT_EQ(stalls.run_queue_ns, 5U);
  EXPECT_EQ(stalls.duration.count(), 5U);
  ASSERT_TRUE(stalls.wait);
  EXPECT_EQ(stalls.wait->count(), 5U);
  EXPECT_EQ(stalls.open_at_start, 1U);
  EXPECT_EQ(stalls.open_at_end, 2U);
}

TEST(Stalls, WaitsThatOneDoesNotKnowAreNotKnownTogether) {
  auto known = stalls_of(2, 1000);
  known.merge(stalls_of(1, 1000, false));
  EXPECT_FALSE(known.wait);
  auto unknown = stalls_of(2, 1000, false);
  unknown.merge(stalls_of(1, 1000));
  EXPECT_FALSE(unknown.wait);
}

TEST(Stalls, NothingTakesOverTheOther) {
  StallCount nothing;
  nothing.merge(stalls_of(2, 1000));
  ASSERT_TRUE(nothing.wait);
  EXPECT_EQ(nothing.wait->count(), 2U);
  auto some = stalls_of(2, 1000);
  some.merge({});
  EXPECT_TRUE(some.wait);

  Stalls all;
  Stalls flow;
  flow.total = stalls_of(2, 1000);
  flow.run_queue_known = true;
  all.merge(flow);
  all.merge({});
  EXPECT_TRUE(all.run_queue_known);
  EXPECT_EQ(all.total.count, 2U);
}

TEST(Stalls, CauseThatOneCannotTellIsNotToldTogether) {
  Stalls left;
  left.total = stalls_of(4, 1000);
  left.by_cause[Cause::sndbuf_full] = stalls_of(1, 1000);
  left.by_cause[Cause::mem_shortage] = stalls_of(3, 1000);
  left.run_queue_known = true;
  Stalls right;
  right.total = stalls_of(2, 1000);
  right.by_cause[Cause::sndbuf_full] = stalls_of(2, 1000);
  right.by_cause[Cause::mem_shortage] = std::nullopt;
  right.by_cause[Cause::unknown] = StallCount{};
  left.merge(right);
  EXPECT_EQ(left.total.count, 6U);
  EXPECT_EQ(left.by_cause.at(Cause::sndbuf_full)->count, 3U);
  EXPECT_FALSE(left.by_cause.at(Cause::mem_shortage));
  EXPECT_EQ(left.by_cause.at(Cause::unknown)->count, 0U);
  EXPECT_FALSE(left.run_queue_known);
}

TEST(Stalls, SubCausesAddUpWhereBothCanTellThem) {
  Stalls stalls;
  stalls.total = stalls_of(1, 1000);
  stalls.by_sub_cause[SubCause::network] = WaitCount{1, 1000};
  stalls.by_sub_cause[SubCause::cgroup] = WaitCount{};
  auto other = stalls;
  other.by_sub_cause[SubCause::cgroup].reset();
  stalls.merge(other);
  EXPECT_EQ(stalls.by_sub_cause.at(SubCause::network)->waits, 2U);
  EXPECT_EQ(stalls.by_sub_cause.at(SubCause::network)->time_ns, 2000U);
  EXPECT_FALSE(stalls.by_sub_cause.at(SubCause::cgroup));
}

}  // namespace
}  // namespace netstall
