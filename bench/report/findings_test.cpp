#include "bench/report/findings.hpp"

#include <gmock/gmock.h>

namespace netstall {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Field;
using testing::HasSubstr;
using testing::Not;

CellFacts cell(std::string id, double share, std::string cause = "sndbuf_full") {
  CellFacts facts;
  facts.id = std::move(id);
  facts.good = facts.repetitions = 5;
  facts.backend = "fentry";
  FlowFacts flow;
  flow.name = "slow";
  flow.measured = flow.by_probe = flow.own_clock = true;
  flow.connection_ns = 100e9;
  flow.time_ns = flow.own_clock_ns = share * 100e9;
  flow.max_ns = share > 0 ? 250'000'000 : 0;
  if (share > 0) {
    flow.cause = std::move(cause);
    flow.cause_share = 1;
  }
  facts.flows.push_back(flow);
  return facts;
}

auto says(const std::string& text) {
  return Contains(Field(&Finding::text, HasSubstr(text)));
}

TEST(Findings, LeadWithTheWorstCellAndItsCause) {
  const auto findings = findings_of({cell("calm", 0), cell("busy", 0.42), cell("mild", 0.05)});
  EXPECT_EQ(findings.lead.tone, Tone::bad);
  EXPECT_THAT(findings.lead.text, AllOf(HasSubstr("42 %"), HasSubstr("busy"),
                                        HasSubstr("the send buffer was full (sndbuf_full)")));
  EXPECT_THAT(findings.points, says("The longest single stall took 250 ms"));
  EXPECT_THAT(findings.points, says("No sender was blocked in calm"));
}

TEST(Findings, NothingBlockedIsGoodAndNothingMeasuredIsNot) {
  EXPECT_EQ(findings_of({cell("only", 0)}).lead.text, "No sender was blocked.");
  EXPECT_EQ(findings_of({cell("only", 0)}).lead.tone, Tone::good);
  auto unknown = cell("only", 0);
  unknown.flows[0].measured = false;
  EXPECT_EQ(findings_of({unknown}).lead.tone, Tone::warn);
  EXPECT_THAT(findings_of({unknown}).lead.text, HasSubstr("there is no answer"));
  EXPECT_EQ(findings_of({}).lead.tone, Tone::warn);
}

TEST(Findings, EachOtherCauseHasItsWorstCell) {
  const auto findings = findings_of({cell("full", 0.9), cell("short", 0.3, "mem_shortage"),
                                     cell("shorter", 0.6, "mem_shortage")});
  EXPECT_THAT(findings.points, says("In shorter senders were blocked 60 %"));
  EXPECT_THAT(findings.points, Not(says("In short ")));
}

TEST(Findings, OfSeveralFlowsTheBlockedOneIsNamed) {
  auto both = cell("only", 0.9);
  both.flows.push_back(both.flows[0]);
  both.flows[1].name = "fast";
  both.flows[1].time_ns = 0;
  EXPECT_THAT(findings_of({both}).lead.text,
              HasSubstr("Senders of slow were blocked 90 % of the time (of all flows 45 %): the "));
}

TEST(Findings, SayWhereTheWindowCutMuch) {
  auto one = cell("one", 0.9);
  one.flows[0].stalls = 100;
  one.flows[0].cut = 10;
  EXPECT_THAT(findings_of({one}).points, Not(says("edges cut")));
  one.flows[0].cut = 11;
  EXPECT_THAT(findings_of({one}).points, says("a tenth of the stalls of slow: their percentiles"));
  EXPECT_THAT(findings_of({one, one}).points, says("of slow in one, and in 1 other place: their"));
}

TEST(Findings, NameTheAxisThatMovesMost) {
  std::vector<CellFacts> cells;
  for (const auto& [reader, buffer, share] :
       {std::tuple("fast", "small", 0.1), std::tuple("fast", "large", 0.0),
        std::tuple("slow", "small", 0.9), std::tuple("slow", "large", 0.8)}) {
    cells.push_back(cell(std::string(reader) + buffer, share));
    cells.back().parameters = {{"reader", reader}, {"buffer", buffer}};
  }
  EXPECT_THAT(findings_of(cells).points,
              says("What moves it most is reader: 5.0 % blocked with fast, 85 % with slow"));
}

TEST(Findings, MissedExpectationsTakeTheLead) {
  auto missed = cell("busy", 0.4);
  ExpectationResult result;
  result.expectation.metric = "stall.p99";
  result.expectation.at_most = 1e6;
  result.observed = 2e8;
  missed.expectations = {result, result};
  missed.expectations[1].passed = true;
  const auto findings = findings_of({missed});
  EXPECT_EQ(findings.lead.text, "1 of 2 expectations missed.");
  EXPECT_THAT(findings.points, says("stall.p99"));
  EXPECT_THAT(findings.points, says("Senders were blocked 40 %"));
}

TEST(Findings, DoubtsAreSaid) {
  auto doubtful = cell("busy", 0.4);
  doubtful.good = 3;
  doubtful.reasons = {"failed: no port left"};
  doubtful.lost_events = 7;
  doubtful.flows[0].own_clock_ns *= 0.8;
  const auto points = findings_of({doubtful}).points;
  EXPECT_THAT(points, says("2 of 5 repetitions left out: failed: no port left"));
  EXPECT_THAT(points, says("The probe lost 7 events"));
  EXPECT_THAT(points, Contains(AllOf(Field(&Finding::tone, Tone::warn),
                                     Field(&Finding::text, HasSubstr("-20.00 %")))));
}

}  // namespace
}  // namespace netstall
