#include "bench/verdict/calibrate.hpp"

#include <gtest/gtest.h>

#include "bench/verdict/sample_reports.hpp"

namespace netstall {
namespace {

TEST(Calibrate, TakesTheFurtherEndOfTheInterval) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  auto b = report_of("a.json", "stall.p99", around(10.5e6, 12));
  const auto comparison = compare(a, b, {.design = Design::interleaved});
  const auto floors = noise_floors(comparison);
  ASSERT_EQ(floors.size(), 1U);
  const auto metric = one(comparison);
  EXPECT_NEAR(floors[0].floor.relative, metric.ratio_interval->high - 1, 1e-9);
  EXPECT_NEAR(floors[0].floor.absolute, metric.difference_interval->high, 1e-3);
  EXPECT_EQ(floors[0].cell, "base");
  const auto changes = smallest_changes(floors);
  EXPECT_EQ(changes.at("stall.p99").relative, floors[0].floor.relative);
  EXPECT_EQ(changes.at("stall.p99").absolute, find_metric("stall.p99")->smallest_absolute);
}

TEST(Calibrate, LargestOfAllCellsButCataloguesAbsoluteBound) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  auto b = report_of("a.json", "stall.p99", around(10.2e6, 12));
  for (auto* report : {&a, &b}) {
    auto cell = report->cells[0];
    cell.id = "noisier";
    cell.parameters["x"] = "1";
    cell.rows[0].values = around(report == &a ? 1e6 : 1.3e6, 12);
    report->cells.push_back(cell);
  }
  const auto floors = noise_floors(compare(a, b, {.design = Design::interleaved}));
  ASSERT_EQ(floors.size(), 1U);
  EXPECT_EQ(floors[0].cell, "noisier");
  EXPECT_GT(floors[0].floor.relative, 0.3);
  EXPECT_GT(floors[0].floor.absolute, 0.2e6);
  EXPECT_EQ(smallest_changes(floors).at("stall.p99").absolute, 1e5);
}

TEST(Calibrate, WithoutARatioTheCataloguesRelativeBoundStays) {
  const NoiseFloor floor{find_metric("stall.p99"), {0, 5e6}, "base", "slow"};
  EXPECT_EQ(smallest_changes({floor}).at("stall.p99").relative,
            find_metric("stall.p99")->smallest_relative);
}

TEST(Calibrate, WhatWindowsCutHasNoFloor) {
  auto a = report_of("a.json", "stall.p99", around(10e6, 12));
  const auto b = report_of("a.json", "stall.p99", around(10.5e6, 12));
  a.cells[0].rows[0].lower_bounds = 3;
  EXPECT_EQ(noise_floors(compare(a, b, {.design = Design::interleaved})).size(), 1U);
  a.cells[0].rows[0].lower_bounds = 4;
  EXPECT_TRUE(noise_floors(compare(a, b, {.design = Design::interleaved})).empty());
}

TEST(Calibrate, WhatNeverHappenedHasNoFloor) {
  const auto comparison = compare_values("stall.p99", Values(12, 0.0), Values(12, 0.0),
                                         {.design = Design::interleaved});
  EXPECT_TRUE(noise_floors(comparison).empty());
}

}  // namespace
}  // namespace netstall
