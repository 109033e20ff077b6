#include "bench/report/curve.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace netstall {
namespace {

// The value that at most `above` events exceed, as the page reads a curve.
std::uint64_t read(const Curve& curve, std::uint64_t above) {
  for (const auto& point : curve.points) {
    if (point.above <= above) return point.value;
  }
  return 0;
}

Histogram wide() {
  Histogram histogram;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    histogram.record(static_cast<std::uint64_t>(1000 * std::exp(1e-4 * static_cast<double>(i))));
  }
  return histogram;
}

TEST(Curve, EmptyHasNoPoints) {
  EXPECT_TRUE(curve_of({}, 0.01).points.empty());
}

TEST(Curve, OneValueIsOnePoint) {
  Histogram histogram;
  histogram.record(500, 7);
  const auto curve = curve_of(histogram, 0.01);
  ASSERT_EQ(curve.points.size(), 1U);
  EXPECT_EQ(curve.points[0].value, 500U);
  EXPECT_EQ(curve.points[0].above, 0U);
  EXPECT_EQ(curve.count, 7U);
}

TEST(Curve, KeepsBothSidesOfAJump) {
  Histogram histogram;
  histogram.record(1000, 990);
  histogram.record(200'000'000, 10);
  const auto curve = curve_of(histogram, 0.04);
  ASSERT_EQ(curve.points.size(), 2U);
  EXPECT_EQ(curve.points[0].above, 10U);
  EXPECT_EQ(curve.points[1].above, 0U);
  EXPECT_EQ(read(curve, 10), *histogram.percentile(99));
  EXPECT_EQ(curve.points[1].value, *histogram.max());
  EXPECT_EQ(curve.percentiles[0], histogram.percentile(50));
  EXPECT_EQ(curve.percentiles[2], histogram.percentile(99));
  EXPECT_EQ(curve.percentiles[3], std::nullopt);  // fewer than ten beyond
}

TEST(Curve, PercentilesAreWithinTheSteps) {
  const auto histogram = wide();
  for (const double decades : {0.01, 0.04}) {
    const auto curve = curve_of(histogram, decades);
    for (const double percent : {1.0, 50.0, 90.0, 99.0, 99.9, 99.99}) {
      const auto above = static_cast<std::uint64_t>(
          std::floor(static_cast<double>(histogram.count()) * (1 - percent / 100) + 1e-6));
      const auto exact = static_cast<double>(*histogram.percentile(percent));
      const auto read_off = static_cast<double>(read(curve, above));
      EXPECT_GE(read_off, exact * 0.999) << percent;
      EXPECT_LE(std::log10(read_off / exact), 1.1 * decades + 0.001) << percent;
    }
  }
}

TEST(Curve, IsAsCoarseAsAsked) {
  const auto histogram = wide();  // 4.3 decades
  EXPECT_LT(curve_of(histogram, 0.04).points.size(), 120U);
  EXPECT_GT(curve_of(histogram, 0.01).points.size(), 200U);
  EXPECT_EQ(curve_of(histogram, 0.04).points.back().above, 0U);
  EXPECT_EQ(curve_of(histogram, 0.04).points.back().value, *histogram.max());
}

}  // namespace
}  // namespace netstall
