#include "bench/verdict/precision.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace netstall {
namespace {

CellResult cell_of(const std::vector<double>& goodputs) {
  CellResult cell;
  for (const double goodput : goodputs) {
    Repetition repetition;
    repetition.status = Status::ok;
    FlowResult flow;
    flow.name = "slow";
    if (goodput >= 0) flow.goodput_bytes_per_s = goodput;
    repetition.flows = {flow};
    cell.repetitions.push_back(repetition);
  }
  return cell;
}

const Precision kAsked{"slow", "goodput", 0.05, 20};

TEST(PrecisionOfACell, IsReachedWhereTheMediansIntervalIsNarrowEnough) {
  const auto narrow = judge_precision(kAsked, cell_of({98, 99, 100, 101, 102, 96}));
  EXPECT_TRUE(narrow.reached);
  EXPECT_EQ(narrow.repetitions, 6U);
  EXPECT_EQ(narrow.median, 99.5);
  EXPECT_EQ(narrow.low, 96);
  EXPECT_EQ(narrow.high, 102);
  EXPECT_EQ(to_text(narrow),
            "slow: goodput: 99.5 B/s, 95 % between 96 B/s and 102 B/s (±3.0 %), within ±5 %, "
            "after 6 repetitions");
  EXPECT_FALSE(judge_precision(kAsked, cell_of({98, 99, 100, 101, 102, 80})).reached);
  // Nine leave out the extremes.
  EXPECT_TRUE(judge_precision(kAsked, cell_of({98, 99, 100, 101, 102, 80, 100, 99, 101})).reached);
}

TEST(PrecisionOfACell, IsNotReachedByFewRepetitionsNorWhereAValueIsMissing) {
  const auto few = judge_precision(kAsked, cell_of({100, 100, 100, 100, 100}));
  EXPECT_FALSE(few.reached);
  EXPECT_EQ(few.median, 100);
  EXPECT_FALSE(few.low);
  auto cell = cell_of({100, 100, 100, 100, 100, 100, 100, 100, 100});
  EXPECT_TRUE(judge_precision(kAsked, cell).reached);
  cell.repetitions[3].flows[0].goodput_bytes_per_s.reset();
  const auto missing = judge_precision(kAsked, cell);
  EXPECT_EQ(missing.repetitions, 8U);
  EXPECT_FALSE(missing.reached);
  // A failed one has no say.
  cell.repetitions[3].status = Status::failed;
  EXPECT_TRUE(judge_precision(kAsked, cell).reached);
  EXPECT_FALSE(judge_precision(kAsked, cell_of({})).median);
}

TEST(PrecisionOfACell, IsNotReachedWhereWindowsCutTheValues) {
  CellResult cell;
  for (std::uint32_t i = 0; i < 12; ++i) {
    Repetition repetition;
    repetition.status = Status::ok;
    repetition.window_ns = 1'000'000'000;
    FlowResult flow;
    flow.name = "slow";
    flow.connections_established = 1;
    flow.stalls.emplace();
    flow.stalls->total.count = 1;
    flow.stalls->total.duration.record(500'000'000);
    flow.stalls->total.open_at_end = i < 3 ? 1 : 0;
    repetition.flows.push_back(std::move(flow));
    cell.repetitions.push_back(std::move(repetition));
  }
  const Precision longest{"slow", "stall.max", 0.05, 20};
  EXPECT_TRUE(judge_precision(longest, cell).reached);
  cell.repetitions[3].flows[0].stalls->total.open_at_end = 1;
  EXPECT_FALSE(judge_precision(longest, cell).reached);
}

TEST(PrecisionOfACell, OfNothingAtAllIsReachedWhereNothingEverHappens) {
  EXPECT_TRUE(judge_precision(kAsked, cell_of({0, 0, 0, 0, 0, 0})).reached);
  EXPECT_FALSE(judge_precision(kAsked, cell_of({0, 0, 0, 0, 0, 5})).reached);
}

TEST(PrecisionOfACell, FaultsNameTheMetric) {
  EXPECT_FALSE(fault_of(kAsked));
  EXPECT_NE(fault_of({"slow", "goodputt", 0.05, 9}).value().find("\"goodput\""), std::string::npos);
  EXPECT_TRUE(fault_of({"slow", "tcp_memory.max", 0.05, 9}));
}

}  // namespace
}  // namespace netstall
