#include "bench/cli/chosen_cells.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "model/plan.hpp"
#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Campaign campaign_of(const std::string& sweep) {
  auto parsed = parse_scenario(
      R"({"schema": 1, "flows": [{"name": "f"}], "timing": {"repetitions": 2}, "sweep": )" + sweep +
          "}",
      "s", {});
  EXPECT_TRUE(parsed.campaign);
  return std::move(*parsed.campaign);
}

const std::string kTwoAxes =
    R"({"/flows/0/connections": [1, 2], "case": [{"label": "a", "set": {}},
        {"label": "b", "set": {"/timing/repetitions": 5}}]})";

Campaign chosen(const std::vector<std::string>& names, const std::string& sweep = kTwoAxes) {
  return choose_cells(campaign_of(sweep), names);
}

std::string refusal(const std::string& name, const std::string& sweep = kTwoAxes) {
  try {
    chosen({name}, sweep);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return fmt::format("{} ({})", error.what(), error.remedy());
  }
  return "none";
}

TEST(ChosenCells, ByIdAndByNumber) {
  for (const auto* name : {"connections=2,case=b", "3"}) {
    const auto campaign = chosen({name});
    ASSERT_EQ(campaign.cells.size(), 1U) << name;
    EXPECT_EQ(campaign.cells[0].id, "connections=2,case=b");
    EXPECT_EQ(campaign.cells[0].scenario.flows[0].connections, 2U);
    EXPECT_EQ(campaign.cells.timing(0).repetitions, 5U);
    ASSERT_TRUE(campaign.selection);
    EXPECT_THAT(campaign.selection->ids, ElementsAre("connections=2,case=b"));
    EXPECT_THAT(campaign.selection->indices, ElementsAre(3U));
    EXPECT_EQ(campaign.selection->of, 4U);
    EXPECT_EQ(campaign.hash, campaign_of(kTwoAxes).hash);
  }
}

TEST(ChosenCells, SeveralInTheOrderOfTheSweepEachOnce) {
  const auto campaign = chosen({"2", "connections=1,case=b", "1"});
  ASSERT_EQ(campaign.cells.size(), 2U);
  EXPECT_EQ(campaign.cells[0].id, "connections=1,case=b");
  EXPECT_EQ(campaign.cells[1].id, "connections=2,case=a");
}

TEST(ChosenCells, NothingChosenIsAllOfThem) {
  const auto campaign = chosen({});
  EXPECT_EQ(campaign.cells.size(), 4U);
  EXPECT_FALSE(campaign.selection);
}

TEST(ChosenCells, ArePlannedWithoutTheOthers) {
  // The cell beside it would not fit into any machine.
  const auto campaign = chosen({"0"}, R"({"/flows/0/connections": [10, 4000000]})");
  const auto plan = make_plan(campaign, Limits{}, 1);
  EXPECT_EQ(plan.order.size(), 2U);
  EXPECT_EQ(plan.budget.connections, 10U);
}

TEST(ChosenCells, WhatIsNotThereIsRefusedWithWhatIs) {
  EXPECT_EQ(refusal("connections=2,case=c"),
            "choose cell connections=2,case=c: there is no such cell; did you mean "
            "connections=2,case=a? (there are connections=1,case=a, connections=1,case=b, "
            "connections=2,case=a, connections=2,case=b)");
  EXPECT_THAT(refusal("4"), HasSubstr("there is no such cell ("));
  EXPECT_THAT(refusal("-1"), HasSubstr("there is no such cell ("));
  EXPECT_THAT(refusal(""), HasSubstr("there is no such cell ("));
  EXPECT_EQ(refusal("1", "{}"), "choose cell 1: there is no such cell (there is base)");
  std::string values = "1";
  for (int i = 2; i <= 30; ++i) values += fmt::format(", {}", i);
  const auto many = refusal("weather", R"({"/flows/0/connections": [)" + values + "]}");
  EXPECT_THAT(many, HasSubstr("connections=20 and 10 more: `netstall plan -v` lists them"));
}

}  // namespace
}  // namespace netstall
