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
  return judge({&expectation, 1}, repetitions).at(0);
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
  // Sizes are also written as plain numbers of bytes.
  auto size = at_most(1, "sndbuf.final.max");
  size.quantity = Quantity::number;
  EXPECT_EQ(fault(size), "none");
}

TEST(Expectations, OneLineForPeople) {
  EXPECT_EQ(to_text(judge_one(at_most(1'000'000), {with_longest_stall(2'000'000)})),
            "slow: stall.max at most 1 ms: 2 ms, missed");
  EXPECT_EQ(to_text(judge_one(at_most(1'000'000), {unmeasured()})),
            "slow: stall.max at most 1 ms: missed (no value: no probe measured stalls)");
}

}  // namespace
}  // namespace netstall
