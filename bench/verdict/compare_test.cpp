#include "bench/verdict/compare.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "base/error.hpp"
#include "bench/verdict/sample_reports.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Optional;
TEST(Compare, WorseByHalfHasRegressed) {
  const auto comparison = compare_values("stall.p99", around(10e6, 12), around(15e6, 12));
  const auto metric = one(comparison);
  EXPECT_EQ(metric.verdict, Verdict::regressed);
  EXPECT_TRUE(metric.worse);
  EXPECT_THAT(metric.ratio, Optional(testing::DoubleNear(1.5, 0.02)));
  EXPECT_THAT(metric.difference, Optional(testing::DoubleNear(5e6, 2e5)));
  ASSERT_TRUE(metric.ratio_interval);
  EXPECT_GT(metric.ratio_interval->low, 1.4);
  EXPECT_LT(metric.ratio_interval->high, 1.6);
  EXPECT_THAT(metric.p, Optional(testing::DoubleNear(2.0 / 2704156, 1e-12)));
  EXPECT_EQ(metric.p, metric.q);  // the only test
  EXPECT_EQ(metric.cliffs_delta, 1);
  EXPECT_EQ(comparison.outcome(), Outcome::worse);
  EXPECT_EQ(comparison.tests, 1U);
}

TEST(Compare, BetterByHalfHasImproved) {
  const auto comparison = compare_values("stall.p99", around(15e6, 12), around(10e6, 12));
  EXPECT_EQ(one(comparison).verdict, Verdict::improved);
  EXPECT_FALSE(one(comparison).worse);
  EXPECT_EQ(comparison.outcome(), Outcome::ok);
}

TEST(Compare, MoreGoodputIsBetter) {
  EXPECT_EQ(one(compare_values("goodput", around(1e9, 12), around(2e9, 12))).verdict,
            Verdict::improved);
  EXPECT_EQ(one(compare_values("goodput", around(2e9, 12), around(1e9, 12))).verdict,
            Verdict::regressed);
}

TEST(Compare, SameDistributionIsUnchanged) {
  const auto metric = one(compare_values("stall.p99", around(10e6, 12), around(10.1e6, 12)));
  EXPECT_EQ(metric.verdict, Verdict::unchanged);
  EXPECT_EQ(metric.needed_repetitions, std::nullopt);
}

TEST(Compare, SignificantButTooSmallIsNoRegression) {
  // 12 % where 15 % matter, and 90 us where 100 us do.
  EXPECT_NE(one(compare_values("stall.p99", around(10e6, 12), around(11.2e6, 12))).verdict,
            Verdict::regressed);
  const auto absolute = one(compare_values("stall.p99", around(100e3, 12), around(190e3, 12)));
  EXPECT_LE(absolute.q.value(), 0.05);
  EXPECT_EQ(absolute.verdict, Verdict::unchanged);
}

TEST(Compare, WideIntervalIsInconclusiveAndSaysHowMany) {
  const Values a{4.1e6, 6.1e6, 4.5e6, 5.6e6, 4.8e6, 5.3e6, 5.0e6, 5.1e6};
  const Values b{4.2e6, 6.4e6, 4.6e6, 5.8e6, 4.9e6, 5.5e6, 5.2e6, 5.4e6};
  const auto comparison = compare_values("stall.p99", a, b);
  const auto metric = one(comparison);
  EXPECT_EQ(metric.verdict, Verdict::inconclusive);
  EXPECT_TRUE(metric.ratio_interval);
  ASSERT_TRUE(metric.needed_repetitions);
  EXPECT_GT(*metric.needed_repetitions, 8U);
  EXPECT_LT(*metric.needed_repetitions, 100U);
  EXPECT_EQ(comparison.outcome(), Outcome::inconclusive);
}

TEST(Compare, TooFewRepetitionsNeverSayNoChange) {
  const auto three = one(compare_values("stall.p99", around(10e6, 3), around(10e6, 3)));
  EXPECT_EQ(three.verdict, Verdict::inconclusive);
  EXPECT_EQ(three.reason, "needs at least 4 repetitions a side");
  EXPECT_THAT(three.needed_repetitions, Optional(4U));
  const auto apart = one(compare_values("stall.p99", around(10e6, 3), around(90e6, 3)));
  EXPECT_EQ(apart.verdict, Verdict::inconclusive);
  const auto single = one(compare_values("stall.p99", {1e6}, {1e6}));
  EXPECT_EQ(single.verdict, Verdict::inconclusive);
}

// So many of each arm's values are but lower bounds.
MetricComparison compare_bounds(const Values& a, std::uint32_t bounds_a, const Values& b,
                                std::uint32_t bounds_b) {
  auto report_a = report_of("a.json", "stall.p99", a);
  auto report_b = report_of("b.json", "stall.p99", b);
  report_a.cells[0].rows[0].lower_bounds = bounds_a;
  report_b.cells[0].rows[0].lower_bounds = bounds_b;
  return one(compare(report_a, report_b, {}));
}

TEST(Compare, AnArmOfLowerBoundsIsNeverFoundTheSmaller) {
  const auto low = around(10e6, 12);
  const auto high = around(15e6, 12);
  EXPECT_EQ(compare_bounds(low, 3, high, 3).verdict, Verdict::regressed);
  // What is the larger though cut is the larger.
  const auto larger = compare_bounds(low, 3, high, 12);
  EXPECT_EQ(larger.verdict, Verdict::regressed);
  EXPECT_THAT(larger.reason, HasSubstr("and by more than this"));
  EXPECT_EQ(compare_bounds(high, 12, low, 3).verdict, Verdict::improved);
  const auto in_a = compare_bounds(low, 4, high, 0);
  EXPECT_EQ(in_a.verdict, Verdict::inconclusive);
  EXPECT_FALSE(in_a.worse);
  EXPECT_THAT(in_a.reason, HasSubstr("cut too much in 4 of 12 repetitions of A: the"));
  EXPECT_EQ(in_a.needed_repetitions, std::nullopt);
  EXPECT_EQ(compare_bounds(high, 0, low, 12).verdict, Verdict::inconclusive);
  EXPECT_EQ(compare_bounds(low, 0, low, 12).verdict, Verdict::inconclusive);
  EXPECT_EQ(compare_bounds(low, 0, low, 3).verdict, Verdict::unchanged);
  // More repetitions would not help.
  EXPECT_EQ(compare_bounds({1e6}, 1, {2e6}, 0).needed_repetitions, std::nullopt);
  const Values same(3, 10e6);
  EXPECT_THAT(compare_bounds(same, 3, same, 2).reason,
              HasSubstr("3 of 3 repetitions of A and 2 of 3 repetitions of B"));
  // That it happens at all, no edge hides; that it is always short, every edge.
  EXPECT_EQ(compare_bounds(Values(12, 0.0), 0, high, 12).verdict, Verdict::appeared);
  EXPECT_EQ(compare_bounds(Values(12, 0.0), 0, Values(12, 1000.0), 0).verdict, Verdict::unchanged);
  EXPECT_EQ(compare_bounds(Values(12, 0.0), 0, Values(12, 1000.0), 1).verdict,
            Verdict::inconclusive);
}

TEST(Compare, ZeroOnBothSidesIsUnchanged) {
  const auto metric = one(compare_values("stall.p99", Values(5, 0.0), Values(5, 0.0)));
  EXPECT_EQ(metric.verdict, Verdict::unchanged);
  EXPECT_FALSE(metric.ratio);
  EXPECT_FALSE(metric.p);
}

TEST(Compare, SomethingOutOfNothingAppeared) {
  const auto comparison = compare_values("stall.p99", Values(12, 0.0), around(5e6, 12));
  const auto metric = one(comparison);
  EXPECT_EQ(metric.verdict, Verdict::appeared);
  EXPECT_TRUE(metric.worse);
  EXPECT_FALSE(metric.ratio);  // no ratio over 0
  EXPECT_THAT(metric.reason, HasSubstr("0 of 12 repetitions of A and 12 of 12 of B"));
  EXPECT_EQ(comparison.outcome(), Outcome::worse);
}

TEST(Compare, NothingOutOfSomethingVanished) {
  const auto metric = one(compare_values("stall.p99", around(5e6, 12), Values(12, 0.0)));
  EXPECT_EQ(metric.verdict, Verdict::vanished);
  EXPECT_FALSE(metric.worse);
  EXPECT_FALSE(metric.ratio);
  // Of what is better the more there is, it is the other way round.
  EXPECT_TRUE(one(compare_values("goodput", around(1e9, 12), Values(12, 0.0))).worse);
  EXPECT_FALSE(one(compare_values("goodput", Values(12, 0.0), around(1e9, 12))).worse);
}

TEST(Compare, SomethingTooSmallToMatterDidNotAppear) {
  EXPECT_EQ(one(compare_values("stall.p99", Values(12, 0.0), around(50e3, 12))).verdict,
            Verdict::unchanged);
}

TEST(Compare, RareAppearanceIsInconclusive) {
  Values b(12, 0.0);
  b[3] = 5e6;
  b[7] = 6e6;
  const auto metric = one(compare_values("stall.p99", Values(12, 0.0), b));
  EXPECT_EQ(metric.verdict, Verdict::inconclusive);
  EXPECT_THAT(metric.p, Optional(testing::DoubleNear(0.478, 1e-3)));
  ASSERT_TRUE(metric.needed_repetitions);
  EXPECT_GT(*metric.needed_repetitions, 12U);
}

TEST(Compare, MostlyZeroHasNoRatioButCanRegress) {
  Values a(12, 0.0);
  for (std::size_t i = 0; i < 4; ++i) a[i] = 1e6;
  const auto metric = one(compare_values("stall.p99", a, around(50e6, 12)));
  EXPECT_EQ(metric.verdict, Verdict::regressed);
  EXPECT_FALSE(metric.ratio);
  EXPECT_GT(metric.difference.value(), 1e6);
}

TEST(Compare, OccurrenceIsCountedNotRanked) {
  Values rare(20, 0.0);
  rare[0] = 1;
  Values often(20, 1.0);
  often[0] = 0;
  const auto metric = one(compare_values("stall.occurrence", rare, often));
  EXPECT_EQ(metric.verdict, Verdict::regressed);
  EXPECT_NEAR(metric.difference.value(), 0.9, 1e-12);
  EXPECT_FALSE(metric.ratio);
  EXPECT_EQ(one(compare_values("stall.occurrence", Values(12, 0.0), Values(12, 1.0))).verdict,
            Verdict::appeared);
  EXPECT_EQ(one(compare_values("stall.occurrence", Values(12, 1.0), Values(12, 0.0))).verdict,
            Verdict::vanished);
  EXPECT_EQ(one(compare_values("stall.occurrence", Values(12, 1.0), Values(12, 1.0))).verdict,
            Verdict::unchanged);
  EXPECT_EQ(one(compare_values("stall.occurrence", Values(3, 1.0), Values(3, 1.0))).verdict,
            Verdict::inconclusive);
}

TEST(Compare, MissingValuesNeverGiveAVerdict) {
  auto b = around(90e6, 12);
  b[4] = std::nullopt;
  const auto metric = one(compare_values("stall.p99", around(10e6, 12), b));
  EXPECT_EQ(metric.verdict, Verdict::inconclusive);
  EXPECT_EQ(metric.reason, "no value in 1 of 12 repetitions of B: no probe measured stalls");
  EXPECT_FALSE(metric.p);
  const auto one_side = compare_values("stall.p99", around(10e6, 12), Values(12, std::nullopt));
  EXPECT_EQ(one(one_side).verdict, Verdict::inconclusive);
  EXPECT_EQ(one_side.outcome(), Outcome::inconclusive);
}

TEST(Compare, WhatNeitherSideMeasuredIsSaidAndDecidesNothing) {
  const auto comparison =
      compare_values("stall.p99", Values(12, std::nullopt), Values(12, std::nullopt));
  EXPECT_THAT(comparison.cells.at(0).metrics, IsEmpty());
  EXPECT_THAT(comparison.cells.at(0).not_measured, ElementsAre("slow: stall.p99"));
  EXPECT_EQ(comparison.outcome(), Outcome::inconclusive);
}

TEST(Compare, SideWithoutAGoodRepetitionIsInconclusive) {
  auto b = report_of("b.json", "stall.p99", {});
  b.cells[0].flows.clear();
  b.cells[0].rows.clear();
  b.cells[0].dropped.push_back({false, 0, Status::failed, "bind: Address already in use"});
  const auto comparison = compare(report_of("a.json", "stall.p99", around(1e6, 12)), b, {});
  EXPECT_EQ(one(comparison).verdict, Verdict::inconclusive);
  EXPECT_EQ(one(comparison).reason, "no good repetition of B");
  ASSERT_EQ(comparison.cells[0].dropped.size(), 1U);
  EXPECT_TRUE(comparison.cells[0].dropped[0].in_b);
  EXPECT_THAT(comparison.notes, testing::Contains(HasSubstr("1 repetition did not succeed")));
  EXPECT_EQ(comparison.outcome(), Outcome::inconclusive);
}

TEST(Compare, ManyTestsAskForMore) {
  // p of one metric is .0079: enough alone, not among twelve.
  auto a = report_of("a.json", "stall.p99", around(10e6, 5));
  auto b = report_of("b.json", "stall.p99", around(90e6, 5));
  EXPECT_EQ(one(compare(a, b, {})).verdict, Verdict::regressed);
  for (int i = 1; i < 12; ++i) {
    for (auto* report : {&a, &b}) {
      auto cell = report->cells[0];
      cell.parameters["n"] = std::to_string(i);
      if (report == &b) cell.rows[0].values = around(10e6, 5);
      report->cells.push_back(cell);
    }
  }
  const auto comparison = compare(a, b, {});
  EXPECT_EQ(comparison.tests, 12U);
  EXPECT_EQ(one(comparison).verdict, Verdict::inconclusive);
  EXPECT_EQ(one(comparison).reason, "needs at least 6 repetitions a side");
}

TEST(Compare, TestsThatCannotPassDoNotWeighOnOthers) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 5));
  auto b = report_of("b.json", "stall.p99", around(90e6, 5));
  for (int i = 1; i < 12; ++i) {
    for (auto* report : {&a, &b}) {
      auto cell = report->cells[0];
      cell.parameters["n"] = std::to_string(i);
      cell.rows[0].values = Values(5, 0.0);
      if (report == &b) cell.rows[0].values[0] = 5e6;  // one of ten: p cannot pass
      report->cells.push_back(cell);
    }
  }
  const auto comparison = compare(a, b, {});
  EXPECT_EQ(comparison.tests, 1U);
  EXPECT_EQ(one(comparison).verdict, Verdict::regressed);
  EXPECT_EQ(comparison.cells[1].metrics[0].q, 1);
}

TEST(Compare, ReportedMetricsHaveAFamilyOfTheirOwnAndDecideNothing) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  auto b = report_of("b.json", "stall.p99", around(10e6, 12));
  for (auto* report : {&a, &b}) {
    SampleRow row{find_metric("stall.p50"), "slow", false};
    row.values = around(report == &a ? 1e6 : 9e6, 12);
    report->cells[0].rows.push_back(row);
  }
  const auto comparison = compare(a, b, {});
  EXPECT_EQ(comparison.tests, 1U);
  EXPECT_EQ(comparison.cells[0].metrics[1].verdict, Verdict::regressed);
  EXPECT_FALSE(comparison.cells[0].metrics[1].gating);
  EXPECT_EQ(comparison.count(Verdict::regressed), 0U);
  EXPECT_EQ(comparison.outcome(), Outcome::ok);
}

TEST(Compare, SmallestChangeCanBeGiven) {
  CompareOptions options;
  options.smallest_changes["stall.p99"] = {0.6, 1e5};
  const auto metric = one(compare_values("stall.p99", around(10e6, 12), around(15e6, 12), options));
  EXPECT_EQ(metric.verdict, Verdict::unchanged);
  EXPECT_EQ(metric.smallest_relative, 0.6);
}

}  // namespace
}  // namespace netstall
