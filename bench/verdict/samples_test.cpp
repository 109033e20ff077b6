#include "bench/verdict/samples.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Repetition repetition_of(std::uint32_t index, double goodput, Status status = Status::ok) {
  Repetition repetition;
  repetition.index = index;
  repetition.status = status;
  repetition.window_ns = 1'000'000'000;
  FlowResult flow;
  flow.name = "fast";
  flow.connections_established = 1;
  flow.goodput_bytes_per_s = goodput;
  repetition.flows.push_back(flow);
  return repetition;
}

const SampleRow* row_of(const CellSamples& cell, const std::string& metric,
                        const std::string& flow) {
  for (const auto& row : cell.rows) {
    if (row.metric->name == metric && row.flow == flow) return &row;
  }
  return nullptr;
}

TEST(Samples, ValueForEachGoodRepetitionAndTheRestIsNamed) {
  CellResult cell;
  cell.id = "sndbuf=1";
  cell.parameters["sndbuf"] = "1";
  cell.repetitions = {repetition_of(0, 100), repetition_of(1, 0, Status::failed),
                      repetition_of(2, 300), repetition_of(3, 0, Status::interrupted)};
  cell.repetitions[1].reason = "a worker died";
  const auto samples = samples_of(cell, select_metrics());
  EXPECT_EQ(samples.id, "sndbuf=1");
  EXPECT_THAT(samples.indices, ElementsAre(0, 2));
  EXPECT_THAT(samples.flows, ElementsAre("fast"));
  const auto* goodput = row_of(samples, "goodput", "fast");
  ASSERT_NE(goodput, nullptr);
  EXPECT_TRUE(goodput->gating);
  EXPECT_THAT(goodput->values, ElementsAre(100.0, 300.0));
  const auto* stalls = row_of(samples, "stall.p99", "fast");
  ASSERT_NE(stalls, nullptr);
  EXPECT_THAT(stalls->values, ElementsAre(std::nullopt, std::nullopt));
  EXPECT_EQ(stalls->why_absent, "no probe measured stalls");
  ASSERT_EQ(samples.dropped.size(), 2U);
  EXPECT_EQ(samples.dropped[0].index, 1U);
  EXPECT_EQ(samples.dropped[0].reason, "a worker died");
  EXPECT_EQ(samples.dropped[1].status, Status::interrupted);
}

TEST(Samples, WholeMetricsHaveOneRowAndNoFlow) {
  CellResult cell;
  cell.repetitions = {repetition_of(0, 100)};
  cell.repetitions[0].client.gauges["Tcp.CurrEstab"] = {1, 1};
  cell.repetitions[0].server.counters["Tcp.RetransSegs"] = 3;
  const auto samples = samples_of(cell, select_metrics());
  const auto* retransmits = row_of(samples, "retransmits", "");
  ASSERT_NE(retransmits, nullptr);
  EXPECT_FALSE(retransmits->gating);
  EXPECT_THAT(retransmits->values, ElementsAre(3.0));
  EXPECT_EQ(row_of(samples, "retransmits", "fast"), nullptr);
  EXPECT_EQ(row_of(samples, "goodput", ""), nullptr);
}

TEST(Samples, RepetitionTwiceIsRefused) {
  CellResult cell;
  cell.id = "base";
  cell.repetitions = {repetition_of(4, 1), repetition_of(4, 1)};
  try {
    samples_of(cell, select_metrics());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("repetition 4 is there twice"));
  }
}

TEST(Samples, FlowGroupTwiceIsRefused) {
  CellResult cell;
  cell.id = "base";
  cell.repetitions = {repetition_of(0, 1), repetition_of(3, 1)};
  cell.repetitions[1].flows.push_back(cell.repetitions[1].flows[0]);
  try {
    samples_of(cell, select_metrics());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("repetition 3 has flow group fast twice"));
  }
}

TEST(Samples, MetricsByNameGateInPlaceOfTheCatalogues) {
  const std::vector<std::string> names{"stall.mem_shortage.p99", "goodput", "goodput"};
  const auto selection = select_metrics(names);
  ASSERT_EQ(selection.gating.size(), 2U);
  EXPECT_EQ(selection.gating[0]->name, "stall.mem_shortage.p99");
  for (const auto* metric : selection.reported) EXPECT_NE(metric->name, "goodput");
  EXPECT_EQ(select_metrics().gating.size(), 6U);
  const std::vector<std::string> wrong{"stal.p99"};
  try {
    select_metrics(wrong);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(error.remedy(), "did you mean \"stall.p99\"?");
  }
}

TEST(Samples, ReportKeepsItsNameEnvironmentAndScenario) {
  Report report;
  report.environment["kernel.release"] = "6.12";
  report.scenario_hash = "abc";
  report.cells.resize(2);
  report.cells[1].id = "second";
  const auto samples = samples_of(report, "new.json", select_metrics());
  EXPECT_EQ(samples.name, "new.json");
  EXPECT_EQ(samples.environment.at("kernel.release"), "6.12");
  EXPECT_EQ(samples.scenario_hash, "abc");
  ASSERT_EQ(samples.cells.size(), 2U);
  EXPECT_EQ(samples.cells[1].id, "second");
}

}  // namespace
}  // namespace netstall
