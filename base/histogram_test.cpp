#include "base/histogram.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace netstall {
namespace {

constexpr std::uint64_t kHour = Histogram::kHighestTrackable;

// Uniform in the logarithm, so that every magnitude is seen alike; the seed is
// fixed so that a failure comes back.
std::vector<std::uint64_t> values_of_all_magnitudes(std::size_t count, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> exponent(0, std::log(static_cast<double>(kHour)));
  std::vector<std::uint64_t> values(count);
  for (auto& value : values) value = static_cast<std::uint64_t>(std::exp(exponent(random)));
  return values;
}

Histogram of(const std::vector<std::uint64_t>& values) {
  Histogram histogram;
  for (const auto value : values) histogram.record(value);
  return histogram;
}

TEST(HdrLayout, KnownSlots) {
  EXPECT_EQ(netstall_hdr_index_of(0), 0U);
  EXPECT_EQ(netstall_hdr_index_of(2047), 2047U);
  EXPECT_EQ(netstall_hdr_index_of(2048), 2048U);
  EXPECT_EQ(netstall_hdr_index_of(2049), 2048U);
  EXPECT_EQ(netstall_hdr_index_of(2050), 2049U);
  EXPECT_EQ(netstall_hdr_index_of(4095), 3071U);
  EXPECT_EQ(netstall_hdr_index_of(4096), 3072U);
  EXPECT_EQ(netstall_hdr_index_of(kHour), 31U * 1024 + 1676);
  EXPECT_EQ(netstall_hdr_index_of(kHour + (1ULL << 40)), 31U * 1024 + 1676);
  EXPECT_EQ(netstall_hdr_index_of(~0ULL), 31U * 1024 + 1676);
  EXPECT_EQ(netstall_hdr_highest_of_index(NETSTALL_HDR_SLOTS - 1), (1ULL << 42) - 1);
}

TEST(HdrLayout, SlotsTouchWithoutGapOrOverlap) {
  std::uint64_t next = 0;
  for (std::uint64_t index = 0; index < NETSTALL_HDR_SLOTS; ++index) {
    const std::uint64_t lowest = netstall_hdr_lowest_of_index(index);
    const std::uint64_t median = netstall_hdr_median_of_index(index);
    const std::uint64_t highest = netstall_hdr_highest_of_index(index);
    ASSERT_EQ(lowest, next);
    ASSERT_LE(lowest, median);
    ASSERT_LE(median, highest);
    if (highest <= kHour) {
      ASSERT_EQ(netstall_hdr_index_of(lowest), index);
      ASSERT_EQ(netstall_hdr_index_of(median), index);
      ASSERT_EQ(netstall_hdr_index_of(highest), index);
    }
    next = highest + 1;
  }
}

TEST(HdrLayout, LadderOfBpfIsTheLogarithm) {
  for (unsigned bit = 0; bit < 63; ++bit) {
    const std::uint64_t power = 1ULL << bit;
    ASSERT_EQ(netstall_hdr_log2_ladder(power), bit);
    ASSERT_EQ(netstall_hdr_log2_ladder(power | (power - 1)), bit);
  }
  for (const auto value : values_of_all_magnitudes(100'000)) {
    ASSERT_EQ(netstall_hdr_log2_ladder(value), netstall_hdr_log2(value)) << value;
  }
}

TEST(Histogram, RelativeErrorIsAtMostOneInAThousand) {
  for (const auto value : values_of_all_magnitudes(200'000)) {
    const std::uint64_t index = netstall_hdr_index_of(value);
    const std::uint64_t lowest = netstall_hdr_lowest_of_index(index);
    const std::uint64_t highest = netstall_hdr_highest_of_index(index);
    ASSERT_LE(lowest, value);
    ASSERT_GE(highest, value);
    ASSERT_LE((highest - lowest) * 1000, value) << value;
  }
}

TEST(Histogram, PercentilesAreWithinOneInAThousandOfTheSortedValues) {
  auto values = values_of_all_magnitudes(20'000);
  const Histogram histogram = of(values);
  std::sort(values.begin(), values.end());
  for (std::uint64_t rank = 1; rank <= values.size(); rank += 37) {
    const std::uint64_t exact = values[rank - 1];
    const std::uint64_t told = *histogram.value_at_rank(rank);
    ASSERT_GE(told, exact);
    ASSERT_LE((told - exact) * 1000, exact);
  }
  EXPECT_EQ(histogram.min(), values.front());
  EXPECT_EQ(histogram.max(), values.back());
  EXPECT_EQ(histogram.percentile(100), values.back());
  EXPECT_EQ(histogram.percentile(0), values.front());
}

TEST(Histogram, EmptyHasNothingToTell) {
  const Histogram histogram;
  EXPECT_TRUE(histogram.empty());
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.min(), std::nullopt);
  EXPECT_EQ(histogram.max(), std::nullopt);
  EXPECT_EQ(histogram.mean(), std::nullopt);
  EXPECT_EQ(histogram.percentile(50), std::nullopt);
  EXPECT_EQ(histogram.percentile_if_resolved(50), std::nullopt);
  EXPECT_EQ(histogram.value_at_rank(1), std::nullopt);
  EXPECT_EQ(histogram.count_at(0), 0U);
  EXPECT_EQ(histogram.count_above(0), 0U);
  EXPECT_EQ(histogram.sum(), 0);
}

// The raw data and the expected values of HdrHistogram's HistogramDataAccessTest.
TEST(Histogram, AgreesWithTheReferenceOnItsTestData) {
  Histogram histogram;
  histogram.record(1000, 10'000);
  histogram.record(100'000'000);
  EXPECT_EQ(histogram.count(), 10'001U);
  EXPECT_EQ(histogram.min(), 1000U);
  EXPECT_EQ(histogram.max(), 100'000'000U);
  const double mean = (10'000 * 1000.0 + 100'000'000.0) / 10'001;
  EXPECT_NEAR(*histogram.mean(), mean, mean * 0.001);
  EXPECT_EQ(histogram.percentile(30), 1000U);
  EXPECT_EQ(histogram.percentile(99), 1000U);
  EXPECT_EQ(histogram.percentile(99.99), 1000U);
  EXPECT_EQ(histogram.percentile(99.999), 100'000'000U);
  EXPECT_EQ(histogram.percentile(100), 100'000'000U);
  EXPECT_EQ(histogram.count_above(1000), 1U);
  EXPECT_EQ(histogram.count_at(1000), 10'000U);
}

TEST(Histogram, PercentileOfWholeNumbersOfEventsIsNotRoundedUp) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 1000; ++value) histogram.record(value);
  // 99.9 / 100 * 1000 is a little above 999 in doubles.
  EXPECT_EQ(histogram.percentile(99.9), 999U);
  EXPECT_EQ(histogram.percentile(50), 500U);
  EXPECT_EQ(histogram.percentile(0.1), 1U);
  EXPECT_EQ(histogram.percentile(0.11), 2U);
  EXPECT_EQ(histogram.percentile(-1), 1U);
  EXPECT_EQ(histogram.percentile(101), 1000U);
  EXPECT_EQ(histogram.percentile(std::nan("")), 1U);
  EXPECT_DOUBLE_EQ(*histogram.mean(), 500.5);
  EXPECT_DOUBLE_EQ(histogram.sum(), 500'500);
}

TEST(Histogram, PercentileNeedsTenEventsBeyondIt) {
  Histogram histogram;
  histogram.record(5, 999);
  EXPECT_EQ(histogram.percentile_if_resolved(99), std::nullopt);
  histogram.record(5);
  EXPECT_EQ(histogram.percentile_if_resolved(99), 5U);
  EXPECT_EQ(histogram.percentile_if_resolved(99.9), std::nullopt);
  EXPECT_EQ(histogram.percentile_if_resolved(100), std::nullopt);
  EXPECT_EQ(histogram.percentile_if_resolved(50), 5U);
}

TEST(Histogram, PercentileStaysWithinExactBounds) {
  Histogram histogram;
  histogram.record(1'000'001);
  EXPECT_EQ(histogram.percentile(50), 1'000'001U);
  EXPECT_EQ(histogram.mean(), 1'000'001.0);
}

TEST(Histogram, ValuesAboveTheRangeAreClampedAndCounted) {
  Histogram histogram;
  histogram.record(kHour);
  EXPECT_EQ(histogram.saturated(), 0U);
  histogram.record(kHour + 1);
  histogram.record(~0ULL, 3);
  EXPECT_EQ(histogram.saturated(), 4U);
  EXPECT_EQ(histogram.count(), 5U);
  EXPECT_EQ(histogram.max(), kHour);
  EXPECT_EQ(histogram.percentile(100), kHour);
  EXPECT_EQ(histogram.count_at(kHour), 5U);
}

TEST(Histogram, SlotsOfAnArrayBecomeTheSameHistogram) {
  const auto values = values_of_all_magnitudes(10'000);
  std::vector<std::uint64_t> slots(Histogram::kSlots);
  for (const auto value : values) ++slots[netstall_hdr_index_of(value)];
  Histogram histogram;
  for (std::size_t index = 0; index < slots.size(); ++index) {
    histogram.add_slot(index, slots[index]);
  }
  const Histogram recorded = of(values);
  EXPECT_EQ(histogram, recorded);
  EXPECT_LE(histogram.min(), recorded.min());
  EXPECT_GE(histogram.max(), recorded.max());
}

TEST(Histogram, SlotOfTheHighestValueIsNotSaturated) {
  Histogram histogram;
  histogram.add_slot(netstall_hdr_index_of(kHour), 2);
  EXPECT_EQ(histogram.saturated(), 0U);
  EXPECT_EQ(histogram.max(), kHour);
  histogram.add_slot(Histogram::kSlots - 1, 3);
  EXPECT_EQ(histogram.saturated(), 3U);
  EXPECT_EQ(histogram.count_at(kHour), 5U);
}

TEST(Histogram, SlotsInAnotherUnit) {
  Histogram histogram;
  histogram.add_slot(netstall_hdr_index_of(40'000), 7, 1000);
  EXPECT_EQ(histogram.count(), 7U);
  EXPECT_EQ(histogram.min(), 40'000'000U);
  EXPECT_EQ(histogram.max(), 40'031'999U);
  EXPECT_NEAR(static_cast<double>(*histogram.percentile(50)), 40'016'000, 40'016);
  histogram.add_slot(Histogram::kSlots - 1, 1, 1'000'000);
  EXPECT_EQ(histogram.saturated(), 1U);
}

TEST(Histogram, RefusesWhatIsNoSlotOrDoesNotFit) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
  Histogram histogram;
  EXPECT_THROW(histogram.add_slot(Histogram::kSlots, 1), Error);
  EXPECT_THROW(histogram.add_slot(0, 1, 0), Error);
  EXPECT_THROW(histogram.add_slot(0, 1, 1'000'001), Error);
  EXPECT_THROW(histogram.record(1, kMost + 1), Error);
  EXPECT_TRUE(histogram.empty());
  histogram.record(1, kMost);
  EXPECT_THROW(histogram.record(2, 1), Error);
  EXPECT_THROW(histogram.add_slot(2, 1), Error);
  EXPECT_THROW(histogram.merge(histogram), Error);
  EXPECT_EQ(histogram.count(), kMost);
}

TEST(Histogram, MergedIsAsIfRecordedTogether) {
  const auto some = values_of_all_magnitudes(5'000, 2);
  const auto others = values_of_all_magnitudes(3'000, 3);
  auto all = some;
  all.insert(all.end(), others.begin(), others.end());
  const Histogram together = of(all);

  Histogram merged = of(some);
  merged.merge(Histogram());
  merged.merge(of(others));
  EXPECT_EQ(merged, together);
  EXPECT_EQ(merged.min(), together.min());
  EXPECT_EQ(merged.max(), together.max());
  EXPECT_EQ(merged.mean(), together.mean());

  Histogram into_empty;
  into_empty.merge(together);
  EXPECT_EQ(into_empty, together);
  into_empty.merge(into_empty);
  EXPECT_EQ(into_empty.count(), 2 * together.count());
  EXPECT_EQ(into_empty.percentile(90), together.percentile(90));
}

TEST(Histogram, ResetForgetsEverything) {
  Histogram histogram = of(values_of_all_magnitudes(1'000));
  histogram.record(~0ULL);
  histogram.reset();
  EXPECT_TRUE(histogram.empty());
  EXPECT_EQ(histogram.saturated(), 0U);
  EXPECT_EQ(histogram.min(), std::nullopt);
  histogram.record(7);
  EXPECT_EQ(histogram, of({7}));
  EXPECT_EQ(histogram.max(), 7U);
}

TEST(Histogram, CopiesAndMoves) {
  Histogram histogram = of({1, 2, 3'000'000});
  Histogram copy = histogram;
  EXPECT_EQ(copy, histogram);
  EXPECT_EQ(copy.max(), 3'000'000U);
  copy.record(5);
  EXPECT_NE(copy, histogram);

  Histogram moved = std::move(copy);
  EXPECT_EQ(moved.count(), 4U);
  // NOLINTBEGIN(bugprone-use-after-move,clang-analyzer-cplusplus.Move): the contract
  // says that a moved-from histogram is empty and that self-move does nothing.
  EXPECT_TRUE(copy.empty());
  copy.record(9);
  EXPECT_EQ(copy, of({9}));
  Histogram& alias = moved;
  moved = alias;
  EXPECT_EQ(moved.count(), 4U);
  moved = std::move(alias);
  EXPECT_EQ(moved.count(), 4U);
  // NOLINTEND(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
  moved = histogram;
  EXPECT_EQ(moved, histogram);
}

TEST(Histogram, VisitsSlotsInRisingOrder) {
  Histogram histogram;
  histogram.record(4097, 2);
  histogram.record(3);
  std::vector<std::vector<std::uint64_t>> seen;
  histogram.for_each_slot([&](const Histogram::Slot& slot) {
    seen.push_back({slot.index, slot.lowest, slot.highest, slot.count});
  });
  EXPECT_THAT(seen, testing::ElementsAre(testing::ElementsAre(3, 3, 3, 1),
                                         testing::ElementsAre(3072, 4096, 4099, 2)));
}

TEST(Histogram, RestoresBoundsThatBelongToItsCounts) {
  Histogram histogram;
  histogram.add_slot(netstall_hdr_index_of(1'000'000), 2);
  histogram.add_slot(netstall_hdr_index_of(kHour), 3);
  histogram.restore_bounds(1'000'001, kHour, 1);
  EXPECT_EQ(histogram.min(), 1'000'001U);
  EXPECT_EQ(histogram.max(), kHour);
  EXPECT_EQ(histogram.saturated(), 1U);
  EXPECT_THROW(histogram.restore_bounds(2'000'000, kHour, 0), Error);
  EXPECT_THROW(histogram.restore_bounds(1'000'001, kHour - (1ULL << 32), 0), Error);
  EXPECT_THROW(histogram.restore_bounds(1'000'001, kHour + 1, 0), Error);
  EXPECT_THROW(histogram.restore_bounds(1'000'001, kHour, 4), Error);
  EXPECT_THROW(Histogram().restore_bounds(1, 1, 0), Error);
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}

// A process may have 65,530 mappings by default, and a report holds more
// histograms than that: neighbours must merge.
TEST(Histogram, ManyAtOnceShareMappings) {
  std::vector<Histogram> histograms(2'000);
  const std::size_t before = mappings();
  for (auto& histogram : histograms) histogram.record(1'000'000);
  EXPECT_LT(mappings(), before + 200);
  for (std::size_t i = 0; i < histograms.size(); i += 2) histograms[i] = Histogram();
  for (std::size_t i = 1; i < histograms.size(); i += 2) ASSERT_EQ(histograms[i].count(), 1U);
}

TEST(Histogram, OneAfterAnotherSharesNoEvents) {
  for (int round = 0; round < 40; ++round) {
    std::vector<Histogram> several(20);
    for (auto& each : several) {
      each.reserve();
      EXPECT_TRUE(each.empty());
      each.record(7);
      each.record(Histogram::kHighestTrackable);
      EXPECT_EQ(each.count_at(7), 1U);
      EXPECT_EQ(each.count_at(8), 0U);
      EXPECT_EQ(each.count_at(Histogram::kHighestTrackable), 1U);
      std::uint64_t slots = 0;
      each.for_each_slot([&](const Histogram::Slot&) { ++slots; });
      EXPECT_EQ(slots, 2U);
    }
  }
}

}  // namespace
}  // namespace netstall
