// What compare() does with whole reports: pairing, refusing, designs.
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

std::string refusal(const ReportSamples& a, const ReportSamples& b,
                    const CompareOptions& options = {}) {
  try {
    compare(a, b, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "none";
}

TEST(CompareReports, CellsPairByParametersAndFlowsByName) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  auto b = a;
  a.cells.push_back(a.cells[0]);
  a.cells[1].id = "sndbuf=1";
  a.cells[1].parameters["sndbuf"] = "1";
  b.cells.push_back(b.cells[0]);
  b.cells[1].id = "sndbuf=2";
  b.cells[1].parameters["sndbuf"] = "2";
  b.cells[0].id = "renamed";
  const auto comparison = compare(a, b, {});
  ASSERT_EQ(comparison.cells.size(), 1U);
  EXPECT_THAT(comparison.cells_only_a, ElementsAre("sndbuf=1"));
  EXPECT_THAT(comparison.cells_only_b, ElementsAre("sndbuf=2"));
  EXPECT_EQ(comparison.outcome(), Outcome::inconclusive);

  auto other_flow = report_of("b.json", "stall.p99", around(10e6, 12));
  other_flow.cells[0].flows = {"fast"};
  other_flow.cells[0].rows[0].flow = "fast";
  const auto flows = compare(report_of("a.json", "stall.p99", around(1e6, 12)), other_flow, {});
  EXPECT_THAT(flows.cells[0].flows_only_a, ElementsAre("slow"));
  EXPECT_THAT(flows.cells[0].flows_only_b, ElementsAre("fast"));
  EXPECT_EQ(flows.outcome(), Outcome::inconclusive);
}

TEST(CompareReports, BadInputIsRefusedWithASentence) {
  const auto good = report_of("a.json", "stall.p99", around(10e6, 12));
  ReportSamples empty;
  empty.name = "b.json";
  EXPECT_THAT(refusal(good, empty), HasSubstr("b.json has no cells"));
  EXPECT_THAT(refusal(empty, good), HasSubstr("b.json has no cells"));
  auto twice = good;
  twice.cells.push_back(twice.cells[0]);
  EXPECT_THAT(refusal(good, twice), HasSubstr("twice"));
  auto other = good;
  other.cells[0].parameters["x"] = "1";
  EXPECT_THAT(refusal(good, other), HasSubstr("no cell in common"));
}

TEST(CompareReports, OtherEnvironmentIsRefusedUnlessAllowed) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  auto b = a;
  b.name = "b.json";
  a.environment["kernel.release"] = "6.1.0";
  b.environment["kernel.release"] = "6.12.0";
  a.scenario_hash = "1";
  b.scenario_hash = "2";
  EXPECT_EQ(refusal(a, b),
            "compare a.json with b.json: they come from different environments: "
            "kernel.release is 6.1.0 and 6.12.0; scenario is 1 and 2");
  const auto comparison = compare(a, b, {.allow_environment_change = true});
  ASSERT_EQ(comparison.environment.size(), 2U);
  EXPECT_EQ(comparison.environment[0].fact, "kernel.release");
  EXPECT_THAT(comparison.notes, testing::Contains(HasSubstr("differ in 2 facts")));
}

TEST(CompareReports, TwoSittingsSaySo) {
  const auto values = around(10e6, 12);
  EXPECT_THAT(compare_values("stall.p99", values, values).notes,
              ElementsAre(HasSubstr("two sittings")));
  EXPECT_THAT(compare_values("stall.p99", values, values, {.design = Design::interleaved}).notes,
              IsEmpty());
}

TEST(CompareReports, BlocksTakeDriftOut) {
  // Threefold drift over the sitting, and B 30 % above A throughout.
  Values a;
  Values b;
  for (int i = 0; i < 12; ++i) {
    const double drift = std::pow(3.0, std::floor(i / 2.0) / 5);
    a.push_back(10e6 * drift * (1 + 0.01 * (i % 2)));
    b.push_back(13e6 * drift * (1 + 0.013 * (i % 2)));
  }
  const auto blocks = one(compare_values("stall.p99", a, b, {.design = Design::interleaved}));
  EXPECT_EQ(blocks.verdict, Verdict::regressed);
  EXPECT_THAT(blocks.p, Optional(testing::DoubleNear(2.0 / 46656, 1e-12)));
  EXPECT_THAT(blocks.ratio, Optional(testing::DoubleNear(1.3, 0.01)));
  const auto sittings = one(compare_values("stall.p99", a, b));
  EXPECT_EQ(sittings.verdict, Verdict::inconclusive);
}

TEST(CompareReports, BlocksThatLostAnArmAreLeftOut) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  auto b = report_of("b.json", "stall.p99", around(10e6, 10));
  b.cells[0].indices = {0, 1, 2, 3, 4, 5, 6, 7, 9, 11};  // half of blocks 4 and 5
  auto metric = one(compare(a, b, {.design = Design::interleaved}));
  EXPECT_EQ(metric.a.count, 12U);
  EXPECT_EQ(metric.b.count, 10U);
  b.cells[0].indices = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};  // all of block 5
  metric = one(compare(a, b, {.design = Design::interleaved}));
  EXPECT_EQ(metric.a.count, 10U);
  EXPECT_EQ(metric.b.count, 10U);
}

TEST(CompareReports, SameInputGivesTheSameComparison) {
  const auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  const auto b = report_of("b.json", "stall.p99", around(12e6, 12));
  for (const auto design : {Design::two_sittings, Design::interleaved}) {
    const auto first = one(compare(a, b, {.design = design}));
    const auto second = one(compare(a, b, {.design = design}));
    EXPECT_EQ(first.verdict, second.verdict);
    EXPECT_EQ(first.p, second.p);
    EXPECT_EQ(first.ratio, second.ratio);
    EXPECT_EQ(first.ratio_interval->low, second.ratio_interval->low);
    EXPECT_EQ(first.ratio_interval->high, second.ratio_interval->high);
    EXPECT_EQ(first.reason, second.reason);
  }
}

TEST(CompareReports, SwappedArmsGiveTheOppositeVerdict) {
  const auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  const auto b = report_of("b.json", "stall.p99", around(15e6, 12));
  for (const auto design : {Design::two_sittings, Design::interleaved}) {
    const auto forth = one(compare(a, b, {.design = design}));
    const auto back = one(compare(b, a, {.design = design}));
    EXPECT_EQ(forth.verdict, Verdict::regressed);
    EXPECT_EQ(back.verdict, Verdict::improved);
    EXPECT_NEAR(*forth.p, *back.p, 1e-15);
    EXPECT_NEAR(*forth.ratio * *back.ratio, 1, 1e-5);
    EXPECT_NEAR(forth.ratio_interval->low * back.ratio_interval->high, 1, 1e-5);
  }
}

}  // namespace
}  // namespace netstall
