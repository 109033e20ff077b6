#include "bench/cli/interleaved.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/error.hpp"
#include "bench/verdict/blocks.hpp"
#include "model/scenario_json.hpp"

namespace netstall {
namespace {

Campaign campaign(const std::string& sndbuf, const std::string& sweep = R"(["1ms", "2ms"])") {
  const auto text = R"({"schema": 1, "name": "t", "why": "t", "flows": [{"name": "f",
    "connections": 2, "sender": "server", "socket": {"sndbuf": ")" +
                    sndbuf + R"("}}], "sweep": {"/timing/warmup": )" + sweep + "}}";
  auto parsed = parse_scenario(text, "t", {});
  EXPECT_TRUE(parsed.campaign) << to_text(parsed.faults.at(0));
  return *parsed.campaign;
}

TEST(Interleaved, EachBlockOfACellHasTwoOfEachArmAndIsNotBrokenUp) {
  const auto a = campaign("64KiB");
  const auto b = campaign("16KiB");
  const auto experiment = interleave(a, b, {}, 6, 1);
  const auto& order = experiment.plan.order;
  ASSERT_EQ(order.size(), 2U * (2 + 6 * 4));
  for (std::size_t i = 0; i < 4; ++i) EXPECT_TRUE(experiment.warm_up[i]);
  for (std::size_t block = 4; block < order.size(); block += 4) {
    std::map<std::uint32_t, std::set<std::uint32_t>> indices;
    for (std::size_t i = block; i < block + 4; ++i) {
      EXPECT_FALSE(experiment.warm_up[i]);
      indices[order[i].cell].insert(order[i].index);
      EXPECT_EQ(order[i].cell % 2, order[block].cell % 2) << "another cell within a block";
      EXPECT_EQ(block_of(order[i].index), (block - 4) / 8);
    }
    ASSERT_EQ(indices.size(), 2U);
    for (const auto& [cell, of_arm] : indices) EXPECT_EQ(of_arm.size(), 2U);
  }
}

TEST(Interleaved, TheSeedDecidesTheOrder) {
  const auto a = campaign("64KiB");
  const auto b = campaign("16KiB");
  const auto order = [&](std::uint64_t seed) {
    std::vector<std::uint32_t> cells;
    for (const auto& planned : interleave(a, b, {}, 6, seed).plan.order) {
      cells.push_back(planned.cell);
    }
    return cells;
  };
  EXPECT_EQ(order(1), order(1));
  EXPECT_NE(order(1), order(2));
}

TEST(Interleaved, ArmsGetTheirCellsBackWithoutWarmUps) {
  const auto a = campaign("64KiB");
  const auto experiment = interleave(a, campaign("16KiB"), {}, 3, 1);
  std::vector<CellResult> cells;
  for (const Cell cell : experiment.both.cells) cells.push_back({cell.id, cell.parameters, {}, {}});
  for (std::size_t i = 0; i < experiment.plan.order.size(); ++i) {
    Repetition repetition;
    repetition.cell = experiment.plan.order[i].cell;
    repetition.index = experiment.plan.order[i].index;
    repetition.order = static_cast<std::uint32_t>(i);
    cells[repetition.cell].repetitions.push_back(repetition);
  }
  const auto arms = arms_of(experiment, a, cells);
  for (const auto* arm : {&arms.a, &arms.b}) {
    ASSERT_EQ(arm->size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_EQ((*arm)[i].id, a.cells[i].id);
      std::set<std::uint32_t> indices;
      for (const auto& repetition : (*arm)[i].repetitions) {
        EXPECT_EQ(repetition.cell, i);
        indices.insert(repetition.index);
      }
      EXPECT_EQ(indices, (std::set<std::uint32_t>{0, 1, 2, 3, 4, 5}));
    }
  }
}

TEST(Interleaved, ArmsOfDifferentCellsAreRefused) {
  EXPECT_THROW(interleave(campaign("64KiB"), campaign("64KiB", R"(["1ms", "3ms"])"), {}, 6, 1),
               Error);
  EXPECT_THROW(interleave(campaign("64KiB"), campaign("64KiB", R"(["1ms"])"), {}, 6, 1), Error);
}

}  // namespace
}  // namespace netstall
