#include "bench/verdict/expectations.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::Optional;

Expectation at_most(double limit, std::string metric = "stall.max") {
  Expectation expectation;
  expectation.flow = "slow";
  expectation.metric = std::move(metric);
  expectation.at_most = limit;
  expectation.quantity = Quantity::duration;
  return expectation;
}

// A repetition whose longest stall took so many ns; none at all for 0.
Repetition with_longest_stall(std::uint64_t ns) {
  Repetition repetition;
  repetition.status = Status::ok;
  repetition.window_ns = 1'000'000'000;
  FlowResult flow;
  flow.name = "slow";
  flow.connections_established = 1;
  flow.stalls.emplace();
  if (ns > 0) {
    flow.stalls->total.count = 1;
    flow.stalls->total.duration.record(ns);
  }
  repetition.flows.push_back(std::move(flow));
  return repetition;
}

Repetition unmeasured() {
  auto repetition = with_longest_stall(1000);
  repetition.flows[0].stalls.reset();
  return repetition;
}

ExpectationResult judge_one(const Expectation& expectation,
                            const std::vector<Repetition>& repetitions) {
  const std::vector<CellResult> cells{{"base", {}, repetitions, {}}};
  return ExpectationJudge(cells).judge({&expectation, 1}, cells[0]).at(0);
}

// Two cells, "readers=slow" and "readers=fast", whose longest stalls took so many ns.
std::vector<CellResult> slow_and_fast(const std::vector<std::uint64_t>& slow,
                                      const std::vector<std::uint64_t>& fast) {
  std::vector<CellResult> cells{{"readers=slow", {{"readers", "slow"}}, {}, {}},
                                {"readers=fast", {{"readers", "fast"}}, {}, {}}};
  for (const auto ns : slow) cells[0].repetitions.push_back(with_longest_stall(ns));
  for (const auto ns : fast) cells[1].repetitions.push_back(with_longest_stall(ns));
  return cells;
}

Expectation at_most_times_fast(double factor) {
  auto expectation = at_most(factor);
  expectation.quantity = Quantity::number;
  expectation.against = {{"readers", "fast"}};
  return expectation;
}

std::vector<ExpectationResult> judged(const std::vector<CellResult>& cells, std::size_t cell,
                                      const Expectation& expectation) {
  return ExpectationJudge(cells).judge({&expectation, 1}, cells.at(cell));
}

// The only stall goes on when the window ends: it took so long at least.
TEST(Expectations, WhatTheWindowCutIsALowerBound) {
  auto cut = with_longest_stall(1000);
  cut.flows[0].stalls->total.open_at_end = 1;
  const auto untold = judge_one(at_most(1500), {cut});
  EXPECT_FALSE(untold.passed);
  EXPECT_EQ(untold.observed, std::nullopt);
  EXPECT_THAT(untold.reason,
              HasSubstr("at least 1 us: in 1 of 1 repetitions the window's edges cut"));
  const auto missed = judge_one(at_most(999), {cut});
  EXPECT_FALSE(missed.passed);
  EXPECT_THAT(missed.observed, Optional(1000.0));
  auto long_enough = at_most(0);
  long_enough.at_most.reset();
  long_enough.at_least = 1000;
  EXPECT_TRUE(judge_one(long_enough, {cut}).passed);
  long_enough.at_least = 1001;
  EXPECT_FALSE(judge_one(long_enough, {cut}).passed);
  EXPECT_THAT(judge_one(long_enough, {cut}).reason, HasSubstr("at least 1 us: in 1 of 1"));
  EXPECT_TRUE(
      judge_one(at_most(1500), {cut, with_longest_stall(10), with_longest_stall(9)}).passed);
  // Against a cell of which the true value may be larger it may well be so many times as large.
  auto cells = slow_and_fast({3000}, {1000});
  cells[1].repetitions[0].flows[0].stalls->total.open_at_end = 1;
  EXPECT_TRUE(judged(cells, 0, at_most_times_fast(4)).at(0).passed);
  const auto of_base = judged(cells, 0, at_most_times_fast(2)).at(0);
  EXPECT_FALSE(of_base.passed);
  EXPECT_THAT(of_base.observed, Optional(3000.0));
  EXPECT_EQ(of_base.against_observed, std::nullopt);
  EXPECT_THAT(of_base.reason, HasSubstr("readers=fast: at least 1 us"));
}

TEST(Expectations, TheMedianOverGoodRepetitionsDecides) {
  const std::vector repetitions{with_longest_stall(1000), with_longest_stall(1500),
                                with_longest_stall(2000)};
  const auto passed = judge_one(at_most(1500), repetitions);
  EXPECT_TRUE(passed.passed);
  EXPECT_THAT(passed.observed, Optional(1500.0));
  EXPECT_EQ(passed.reason, "");
  const auto missed = judge_one(at_most(1000), repetitions);
  EXPECT_FALSE(missed.passed);
  EXPECT_THAT(missed.observed, Optional(1500.0));
  EXPECT_EQ(missed.reason, "1.50 us is above 1 us");
}

TEST(Expectations, AtLeastLooksTheOtherWay) {
  auto expectation = at_most(0);
  expectation.at_most.reset();
  expectation.at_least = 1500;
  EXPECT_TRUE(judge_one(expectation, {with_longest_stall(1500)}).passed);
  const auto missed = judge_one(expectation, {with_longest_stall(1000)});
  EXPECT_FALSE(missed.passed);
  EXPECT_THAT(missed.reason, HasSubstr("below"));
}

TEST(Expectations, MeasuredAndNeverHappenedPassesAtMost) {
  const auto result = judge_one(at_most(0, "stall.p99"), {with_longest_stall(0)});
  EXPECT_TRUE(result.passed);
  EXPECT_THAT(result.observed, Optional(0.0));
}

TEST(Expectations, NotMeasuredDoesNotPass) {
  const auto result = judge_one(at_most(1e9), {unmeasured(), unmeasured()});
  EXPECT_FALSE(result.passed);
  EXPECT_FALSE(result.observed);
  EXPECT_EQ(result.reason, "no value in 2 of 2 repetitions: no probe measured stalls");
  auto no_flow = at_most(1e9);
  no_flow.flow = "fast";
  EXPECT_FALSE(judge_one(no_flow, {with_longest_stall(1)}).passed);
}

TEST(Expectations, OneThatLacksTheValueCountsAsTheWorst) {
  const std::vector two_of_three{with_longest_stall(1000), unmeasured(), with_longest_stall(1200)};
  // Whatever the second was, the median is at most 1200.
  const auto passed = judge_one(at_most(1200), two_of_three);
  EXPECT_TRUE(passed.passed);
  EXPECT_FALSE(passed.observed);
  EXPECT_THAT(passed.reason, HasSubstr("no value in 1 of 3"));
  EXPECT_FALSE(judge_one(at_most(1100), two_of_three).passed);
  EXPECT_FALSE(judge_one(at_most(1e9), {with_longest_stall(1), unmeasured()}).passed);
}

TEST(Expectations, UnresolvedPercentilePassesWhereTheLargestEventDoes) {
  const auto passed = judge_one(at_most(2000, "stall.p99"), {with_longest_stall(2000)});
  EXPECT_TRUE(passed.passed);
  EXPECT_FALSE(passed.observed);
  EXPECT_THAT(passed.reason, HasSubstr("fewer than ten"));
  EXPECT_FALSE(judge_one(at_most(1000, "stall.p99"), {with_longest_stall(2000)}).passed);
}

TEST(Expectations, FailedRepetitionsDoNotCount) {
  auto failed = with_longest_stall(9000);
  failed.status = Status::failed;
  EXPECT_TRUE(judge_one(at_most(1000), {failed, failed, with_longest_stall(1000)}).passed);
  const auto none = judge_one(at_most(1e9), {failed});
  EXPECT_FALSE(none.passed);
  EXPECT_EQ(none.reason, "no repetition succeeded");
  EXPECT_FALSE(judge_one(at_most(1e9), {}).passed);
}

TEST(Expectations, OneRepetitionIsObservedByItself) {
  auto failed = with_longest_stall(9000);
  failed.status = Status::failed;
  const auto expectation = at_most(1000);
  EXPECT_THAT(observe({&expectation, 1}, failed).at(0).observed,
              Optional(testing::DoubleNear(9000, 9)));
}

TEST(Expectations, FaultsAreSentences) {
  const auto fault = [](const Expectation& expectation) {
    return fault_of(expectation).value_or("none");
  };
  EXPECT_EQ(fault(at_most(1)), "none");
  EXPECT_EQ(fault(at_most(1, "stal.p99")),
            "there is no metric \"stal.p99\"; did you mean \"stall.p99\"?");
  EXPECT_THAT(fault(at_most(1, "weather")), HasSubstr("docs/metrics.md"));
  EXPECT_EQ(fault(at_most(1, "goodput")),
            "goodput takes a rate such as \"64kB/s\" or \"1gbit\" as its limit");
  EXPECT_THAT(fault(at_most(1, "retransmits")), HasSubstr("leave \"flow\" out"));
  auto bare = at_most(1);
  bare.quantity = Quantity::number;
  EXPECT_EQ(fault(bare), "stall.max takes a duration such as \"10ms\" as its limit");
  auto limitless = at_most(1);
  limitless.at_most.reset();
  EXPECT_THAT(fault(limitless), HasSubstr("no limit"));
  auto crossed = at_most(1);
  crossed.at_least = 2;
  EXPECT_THAT(fault(crossed), HasSubstr("no value"));
  EXPECT_FALSE(judge_one(crossed, {with_longest_stall(1)}).passed);
  auto both = at_most(1);
  both.equals = 1;
  EXPECT_THAT(fault(both), HasSubstr("alone"));
  auto factor = at_most_times_fast(1);
  EXPECT_EQ(fault(factor), "none");
  factor.quantity = Quantity::duration;
  EXPECT_THAT(fault(factor), HasSubstr("how many times"));
  // Sizes are also written as plain numbers of bytes.
  auto size = at_most(1, "sndbuf.final.max");
  size.quantity = Quantity::number;
  EXPECT_EQ(fault(size), "none");
}

TEST(Expectations, EqualsIsToTheMetricsResolution) {
  auto expectation = at_most(0, "stall.count");
  expectation.at_most.reset();
  expectation.quantity = Quantity::number;
  expectation.equals = 1;
  EXPECT_TRUE(judge_one(expectation, {with_longest_stall(1000)}).passed);
  const auto half = judge_one(expectation, {with_longest_stall(1000), with_longest_stall(0)});
  EXPECT_FALSE(half.passed);
  EXPECT_EQ(half.reason, "0.50 is not 1");
  EXPECT_FALSE(judge_one(expectation, {unmeasured()}).passed);
  // 1 us, of what is told apart to 1 us.
  auto longest = at_most(0);
  longest.at_most.reset();
  longest.equals = 1000;
  EXPECT_TRUE(judge_one(longest, {with_longest_stall(1001)}).passed);
  EXPECT_FALSE(judge_one(longest, {with_longest_stall(1600)}).passed);
  longest.equals = 0;
  EXPECT_TRUE(judge_one(longest, {with_longest_stall(0)}).passed);
  EXPECT_EQ(to_text(longest), "slow: stall.max equal to 0 ns");
}

TEST(Expectations, AgainstAnotherCellLimitsAreFactors) {
  const auto cells = slow_and_fast({2000, 2000, 9000}, {1000, 1000, 100});
  const auto passed = judged(cells, 0, at_most_times_fast(2)).at(0);
  EXPECT_TRUE(passed.passed);
  EXPECT_THAT(passed.observed, Optional(2000.0));
  EXPECT_THAT(passed.against_observed, Optional(1000.0));
  EXPECT_EQ(passed.against_cell, "readers=fast");
  const auto missed = judged(cells, 0, at_most_times_fast(1.5)).at(0);
  EXPECT_FALSE(missed.passed);
  EXPECT_EQ(missed.reason, "2 us is above 1.5 times 1 us");
  EXPECT_EQ(to_text(missed),
            "slow: stall.max at most 1.5 times that with readers=fast: 2 us against 1 us, missed");
  // The other cell itself is not judged against itself.
  EXPECT_THAT(judged(cells, 1, at_most_times_fast(1.5)), testing::IsEmpty());
  auto at_least = at_most_times_fast(0);
  at_least.at_most.reset();
  at_least.at_least = 2;
  EXPECT_TRUE(judged(cells, 0, at_least).at(0).passed);
  at_least.at_least = 2.5;
  EXPECT_EQ(judged(cells, 0, at_least).at(0).reason, "2 us is below 2.5 times 1 us");
  auto equals = at_most_times_fast(0);
  equals.at_most.reset();
  equals.equals = 2;
  EXPECT_TRUE(judged(cells, 0, equals).at(0).passed);
  equals.equals = 1;
  EXPECT_EQ(judged(cells, 0, equals).at(0).reason, "2 us is not 1 times 1 us");
}

TEST(Expectations, OtherAxesStayAsTheyAre) {
  auto cells = slow_and_fast({1000}, {500});
  for (auto& cell : cells) cell.parameters["sndbuf"] = "1";
  auto more = slow_and_fast({9000}, {8000});
  for (auto& cell : more) cell.parameters["sndbuf"] = "2";
  cells.insert(cells.end(), more.begin(), more.end());
  EXPECT_THAT(judged(cells, 0, at_most_times_fast(1)).at(0).against_observed, Optional(500.0));
  EXPECT_THAT(judged(cells, 2, at_most_times_fast(1)).at(0).against_observed,
              Optional(testing::DoubleNear(8000, 8)));
}

TEST(Expectations, NothingHasNoRatio) {
  EXPECT_TRUE(judged(slow_and_fast({0}, {0}), 0, at_most_times_fast(2)).at(0).passed);
  EXPECT_FALSE(judged(slow_and_fast({1000}, {0}), 0, at_most_times_fast(2)).at(0).passed);
  EXPECT_TRUE(judged(slow_and_fast({0}, {1000}), 0, at_most_times_fast(0)).at(0).passed);
  auto at_least = at_most_times_fast(0);
  at_least.at_most.reset();
  at_least.at_least = 2;
  EXPECT_TRUE(judged(slow_and_fast({1000}, {0}), 0, at_least).at(0).passed);
  EXPECT_EQ(judged(slow_and_fast({0}, {0}), 0, at_least).at(0).reason,
            "0 ns is not above 2 times 0 ns");
  at_least.at_least = 1;
  EXPECT_TRUE(judged(slow_and_fast({0}, {0}), 0, at_least).at(0).passed);
}

TEST(Expectations, MissingValuesOfEitherCellCountAsTheWorst) {
  auto cells = slow_and_fast({1000, 1000}, {1000});
  cells[1].repetitions[0] = unmeasured();
  const auto lost = judged(cells, 0, at_most_times_fast(1e9)).at(0);
  EXPECT_FALSE(lost.passed);
  EXPECT_FALSE(lost.against_observed);
  EXPECT_EQ(lost.reason, "readers=fast: no value: no probe measured stalls");
  cells[1].repetitions[0].status = Status::failed;
  EXPECT_EQ(judged(cells, 0, at_most_times_fast(1)).at(0).reason,
            "no repetition of readers=fast succeeded");
  cells[1].repetitions.clear();
  EXPECT_EQ(judged(cells, 0, at_most_times_fast(1)).at(0).reason,
            "the cell with readers=fast was not run: choose it too with --cell");
  cells.pop_back();
  EXPECT_FALSE(judged(cells, 0, at_most_times_fast(1)).at(0).passed);
  // Whatever the second repetition of it had, at least a half is enough.
  cells = slow_and_fast({0}, {1000, 1000, 1000});
  cells[1].repetitions[1] = unmeasured();
  EXPECT_TRUE(judged(cells, 0, at_most_times_fast(1)).at(0).passed);
  // An unmeasured one of this cell.
  cells = slow_and_fast({1000}, {1000});
  cells[0].repetitions[0] = unmeasured();
  EXPECT_FALSE(judged(cells, 0, at_most_times_fast(1e9)).at(0).passed);
}

TEST(Expectations, OneRepetitionIsNotHeldAgainstAnotherCell) {
  const auto expectation = at_most_times_fast(1);
  EXPECT_THAT(observe({&expectation, 1}, with_longest_stall(1)), testing::IsEmpty());
}

TEST(Expectations, CommandRunsAloneWhatDecides) {
  const auto cells = slow_and_fast({2000}, {1000});
  EXPECT_EQ(command_alone("netstall run s.json", "readers=slow",
                          judged(cells, 0, at_most_times_fast(1)).at(0)),
            "netstall run s.json --cell readers=slow --cell readers=fast");
  EXPECT_EQ(command_alone("netstall run s.json", "a b", judged(cells, 0, at_most(1)).at(0)),
            "netstall run s.json --cell 'a b'");
}

TEST(Expectations, OneLineForPeople) {
  EXPECT_EQ(to_text(judge_one(at_most(1'000'000), {with_longest_stall(2'000'000)})),
            "slow: stall.max at most 1 ms: 2 ms, missed");
  EXPECT_EQ(to_text(judge_one(at_most(1'000'000), {unmeasured()})),
            "slow: stall.max at most 1 ms: missed (no value: no probe measured stalls)");
}

}  // namespace
}  // namespace netstall
