#include "model/size_distribution.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace netstall {
namespace {

// The mean of the sizes at the middles of many equal parts: another way to the mean.
double mean_of_parts(const SizeDistribution& sizes, std::uint64_t parts = 1'000'000) {
  double sum = 0;
  for (std::uint64_t i = 0; i < parts; ++i) {
    sum +=
        static_cast<double>(sizes.at((static_cast<double>(i) + 0.5) / static_cast<double>(parts)));
  }
  return sum / static_cast<double>(parts);
}

TEST(NormalQuantile, IsTheInverseOfTheDistribution) {
  for (const double p :
       {1e-300, 1e-20, 1e-9, 0.001, 0.07, 0.0749, 0.0751, 0.3, 0.5, 0.7, 0.93, 0.999, 1 - 1e-9}) {
    EXPECT_NEAR(normal_probability(normal_quantile(p)) / p, 1, 1e-12) << p;
  }
  EXPECT_EQ(normal_quantile(0.5), 0);
  // A published value: 97.5 %.
  EXPECT_NEAR(normal_quantile(0.975), 1.959963984540054, 1e-15);
}

TEST(SizeDistribution, OfOneSize) {
  const SizeDistribution sizes(PayloadSpec{Bytes{7}});
  EXPECT_TRUE(sizes.constant());
  EXPECT_EQ(sizes.at(0.9), 7U);
  EXPECT_EQ(sizes.mean(), 7);
  EXPECT_EQ(sizes.largest(), 7U);
}

TEST(SizeDistribution, UniformGivesEverySizeTheSame) {
  PayloadSpec payload;
  payload.uniform = UniformSizes{Bytes{3}, Bytes{6}};
  const SizeDistribution sizes(payload);
  EXPECT_FALSE(sizes.constant());
  EXPECT_EQ(sizes.at(0), 3U);
  EXPECT_EQ(sizes.at(0.2499), 3U);
  EXPECT_EQ(sizes.at(0.25), 4U);
  EXPECT_EQ(sizes.at(0.7499), 5U);
  EXPECT_EQ(sizes.at(0.9999999999999999), 6U);
  EXPECT_EQ(sizes.mean(), 4.5);
  EXPECT_EQ(sizes.largest(), 6U);
}

TEST(SizeDistribution, LogNormalHasItsQuantilesAndMean) {
  PayloadSpec payload;
  payload.log_normal = LogNormalSizes{Bytes{100'000}, 0.5, Bytes{1}, Bytes{1 << 30}};
  const SizeDistribution wide(payload);
  EXPECT_EQ(wide.at(0.5), 100'000U);
  // One sigma above: 84.13 % of them are below 100,000 · e^0.5.
  EXPECT_NEAR(static_cast<double>(wide.at(normal_probability(1))), 100'000 * std::exp(0.5), 1);
  EXPECT_NEAR(wide.mean(), 100'000 * std::exp(0.125), 1e-3);
  payload.log_normal = LogNormalSizes{Bytes{1'000}, 2, Bytes{200}, Bytes{50'000}};
  const SizeDistribution cut(payload);
  EXPECT_EQ(cut.at(0), 200U);
  EXPECT_EQ(cut.at(0.99999999), 50'000U);
  EXPECT_NEAR(mean_of_parts(cut) / cut.mean(), 1, 1e-4);
  // No heap at the bounds: 1 % of the sizes lie well within them.
  EXPECT_GT(cut.at(0.01), 205U);
  EXPECT_LT(cut.at(0.99), 48'000U);
}

TEST(SizeDistribution, ParetoHasItsTailAndMean) {
  for (const double shape : {0.5, 1.0, 1.3, 3.0}) {
    PayloadSpec payload;
    payload.pareto = ParetoSizes{Bytes{1'000}, shape, Bytes{1'000'000}};
    const SizeDistribution sizes(payload);
    EXPECT_EQ(sizes.at(0), 1'000U);
    EXPECT_LE(sizes.at(0.9999999999), 1'000'000U);
    EXPECT_NEAR(mean_of_parts(sizes) / sizes.mean(), 1, 1e-3) << shape;
    // P(size > 10,000) = (0.1^a - 0.001^a) / (1 - 0.001^a).
    const double below =
        1 - (std::pow(0.1, shape) - std::pow(0.001, shape)) / (1 - std::pow(0.001, shape));
    EXPECT_NEAR(static_cast<double>(sizes.at(below)), 10'000, 2) << shape;
  }
}

TEST(SizeDistribution, WeightsAreShares) {
  PayloadSpec payload;
  payload.weighted = {{Bytes{100}, 1}, {Bytes{1'000}, 2}, {Bytes{10}, 1}};
  const SizeDistribution sizes(payload);
  EXPECT_EQ(sizes.at(0.2499), 100U);
  EXPECT_EQ(sizes.at(0.25), 1'000U);
  EXPECT_EQ(sizes.at(0.7499), 1'000U);
  EXPECT_EQ(sizes.at(0.75), 10U);
  EXPECT_EQ(sizes.largest(), 1'000U);
  EXPECT_EQ(sizes.mean(), (100 + 2'000 + 10) / 4.0);
}

TEST(SizeDistribution, OfASequenceIsThatOfItsSizes) {
  PayloadSpec payload;
  payload.sequence = {Bytes{5}, Bytes{7}};
  const SizeDistribution sizes(payload);
  EXPECT_EQ(sizes.mean(), 6);
  EXPECT_EQ(sizes.largest(), 7U);
}

}  // namespace
}  // namespace netstall
