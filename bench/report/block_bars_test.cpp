#include "bench/report/block_bars.hpp"

#include <gtest/gtest.h>

#include "bench/report/markup.hpp"

namespace netstall {
namespace {

TEST(BlockBars, StandWhereTheValuesAre) {
  const TimeAxis axis(1'000'000, 999'000'000, 36);  // three decades of twelve columns
  Histogram histogram;
  histogram.record(1'000'000, 1'000'000);
  histogram.record(10'500'000, 900);
  histogram.record(998'000'000);
  EXPECT_EQ(axis.bars(histogram), "█           ▄                      ▁");
  EXPECT_EQ(axis.labels(), "╵1 ms       ╵10 ms      ╵100 ms");
}

TEST(BlockBars, OneEventIsSeenBesideMany) {
  const TimeAxis axis(1000, 2'000'000'000, 60);
  Histogram histogram;
  histogram.record(1000, 1'000'000'000);
  histogram.record(2'000'000'000);
  const auto text = axis.bars(histogram);
  EXPECT_TRUE(text.starts_with("█ "));
  EXPECT_TRUE(text.ends_with(" ▁"));
  EXPECT_LE(columns(text), 60U);
}

TEST(BlockBars, NothingIsEmptyAndOneValueIsFull) {
  const TimeAxis axis(5, 5, 68);
  EXPECT_EQ(axis.bars(Histogram()), "");
  Histogram histogram;
  histogram.record(5);
  EXPECT_EQ(axis.bars(histogram).substr(0, 8), "        ");
  EXPECT_TRUE(axis.bars(histogram).ends_with("█"));
}

TEST(BlockBars, LabelsNeverTouch) {
  for (std::uint64_t highest = 1; highest < 3'600'000'000'000; highest *= 10) {
    const TimeAxis axis(1, highest, 68);
    const auto labels = axis.labels();
    EXPECT_LE(columns(labels), 80U) << labels;
    // Each mark but the first has a space before it.
    for (auto at = labels.find("╵", 1); at != std::string::npos; at = labels.find("╵", at + 1)) {
      EXPECT_EQ(labels[at - 1], ' ') << labels;
    }
  }
}

}  // namespace
}  // namespace netstall
