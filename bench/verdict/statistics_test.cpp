// Statistics against SciPy's and plain enumeration's figures
// (testdata/statistics.txt, made by scripts/statistics_fixtures.py) and against
// published ones.
#include "bench/verdict/statistics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>

#include "bench/verdict/rank_sum.hpp"

namespace netstall {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

using Fields = std::vector<std::vector<double>>;

std::vector<Fields> fixtures(const std::string& kind) {
  std::ifstream file(NETSTALL_SOURCE_DIR "/bench/verdict/testdata/statistics.txt");
  std::vector<Fields> found;
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(kind + "|")) continue;
    std::istringstream parts(line.substr(kind.size() + 1));
    Fields fields;
    for (std::string part; std::getline(parts, part, '|');) {
      std::istringstream numbers(part);
      auto& field = fields.emplace_back();
      for (double number = 0; numbers >> number;) field.push_back(number);
    }
    if (line.ends_with('|')) fields.emplace_back();
    found.push_back(std::move(fields));
  }
  return found;
}

// Of 1 to n: which order statistics bound the interval (Conover's table of binomial ones).
TEST(Statistics, TheMediansIntervalIsOfOrderStatistics) {
  const auto interval_of = [](int n) {
    std::vector<double> values;
    for (int i = n; i > 0; --i) values.push_back(i);
    return median_interval(values);
  };
  EXPECT_FALSE(interval_of(5));
  const std::vector<std::array<int, 3>> known{{6, 1, 6},   {8, 1, 8},    {9, 2, 8},    {12, 3, 10},
                                              {20, 6, 15}, {30, 10, 21}, {100, 40, 61}};
  for (const auto& [n, low, high] : known) {
    const auto interval = interval_of(n);
    ASSERT_TRUE(interval) << n;
    EXPECT_EQ(interval->low, low) << n;
    EXPECT_EQ(interval->high, high) << n;
  }
}

TEST(Statistics, TheMediansIntervalCoversItInNineteenOfTwentyCases) {
  std::mt19937 random(3);
  std::lognormal_distribution<double> draw(0, 1);  // whose median is 1
  int covered = 0;
  constexpr int kCases = 4000;
  for (int i = 0; i < kCases; ++i) {
    std::vector<double> values(12);
    for (auto& value : values) value = draw(random);
    const auto interval = median_interval(values);
    ASSERT_TRUE(interval);
    covered += interval->low <= 1 && 1 <= interval->high;
  }
  // 96.1 % by the binomial distribution.
  EXPECT_NEAR(covered / double{kCases}, 0.961, 0.012);
}

TEST(Statistics, MannWhitneyAsSciPy) {
  RankTests tests;
  const auto cases = fixtures("mann_whitney");
  ASSERT_EQ(cases.size(), 29U);
  for (const auto& fields : cases) {
    EXPECT_NEAR(tests.p_value({{fields[0], fields[1]}}), fields[2][0], 1e-9)
        << testing::PrintToString(fields);
    // The other way round is the same question.
    EXPECT_NEAR(tests.p_value({{fields[1], fields[0]}}), fields[2][0], 1e-9);
  }
}

TEST(Statistics, ShiftAndIntervalAsSciPyDoesNotReject) {
  RankTests tests;
  const auto cases = fixtures("shift");
  ASSERT_EQ(cases.size(), 19U);
  std::size_t bounded = 0;
  for (const auto& fields : cases) {
    const auto shift = tests.shift({fields[0], fields[1]});
    EXPECT_NEAR(shift.estimate, fields[2][0], 1e-9);
    ASSERT_EQ(shift.interval.has_value(), !fields[3].empty()) << testing::PrintToString(fields);
    if (!shift.interval) continue;
    ++bounded;
    EXPECT_NEAR(shift.interval->low, fields[3][0], 1e-9);
    EXPECT_NEAR(shift.interval->high, fields[3][1], 1e-9);
  }
  EXPECT_EQ(bounded, 13U);
}

TEST(Statistics, PermutationWithinBlocksAsEnumerated) {
  RankTests tests;
  const auto cases = fixtures("blocks");
  ASSERT_EQ(cases.size(), 14U);
  for (const auto& fields : cases) {
    Strata blocks;
    for (std::size_t i = 0; i + 2 < fields.size(); i += 2) {
      blocks.push_back({fields[i], fields[i + 1]});
    }
    EXPECT_NEAR(tests.p_value(aligned(blocks)), fields.back()[0], 1e-9)
        << testing::PrintToString(fields);
  }
}

TEST(Statistics, FisherAsSciPy) {
  const auto cases = fixtures("fisher");
  ASSERT_EQ(cases.size(), 11U);
  const auto share = [](const std::vector<double>& field) {
    return Proportion{static_cast<std::uint32_t>(field[0]), static_cast<std::uint32_t>(field[1])};
  };
  for (const auto& fields : cases) {
    EXPECT_NEAR(fisher_exact(share(fields[0]), share(fields[1])), fields[2][0], 1e-9)
        << testing::PrintToString(fields);
  }
}

// Benjamini and Hochberg 1995, section 3.2: of these 15, the first four at 5 %.
TEST(Statistics, BenjaminiHochbergAsPublished) {
  const std::vector<double> p{.0001, .0004, .0019, .0095, .0201, .0278, .0298, .0344,
                              .0459, .3240, .4262, .5719, .6528, .7590, 1.000};
  const auto q = benjamini_hochberg(p);
  for (std::size_t i = 0; i < p.size(); ++i) EXPECT_EQ(q[i] <= .05, i < 4) << i;
  EXPECT_NEAR(q[0], .0015, 1e-12);
  EXPECT_NEAR(q[3], .0095 * 15 / 4, 1e-12);
  EXPECT_DOUBLE_EQ(q[14], 1.0);
}

TEST(Statistics, BenjaminiHochbergKeepsTheOrderGivenAndIsMonotone) {
  EXPECT_THAT(benjamini_hochberg(std::vector{.04, .01, .03}),
              ElementsAre(DoubleNear(.04, 1e-15), DoubleNear(.03, 1e-15), DoubleNear(.04, 1e-15)));
  EXPECT_THAT(benjamini_hochberg(std::vector<double>{}), ElementsAre());
  EXPECT_THAT(benjamini_hochberg(std::vector{.2}), ElementsAre(.2));
}

// Newcombe 1998, table II, method 10: for the first of two less the second.
TEST(Statistics, NewcombeAsPublished) {
  struct Case {
    Proportion first, second;
    double low, high;
  };
  for (const auto& [first, second, low, high] :
       {Case{{56, 70}, {48, 80}, .0524, .3339}, Case{{9, 10}, {3, 10}, .1705, .8090},
        Case{{6, 7}, {2, 7}, .0582, .8062}, Case{{5, 56}, {0, 29}, -.0381, .1926},
        Case{{10, 10}, {0, 20}, .6791, 1}}) {
    const auto interval = newcombe_interval(second, first);
    EXPECT_NEAR(interval.low, low, 5.1e-5);
    EXPECT_NEAR(interval.high, high, 5.1e-5);
  }
}

TEST(Statistics, MedianAndCliffsDelta) {
  EXPECT_EQ(median(std::vector{3.0, 1.0, 2.0}), 2.0);
  EXPECT_EQ(median(std::vector{4.0, 1.0, 2.0, 3.0}), 2.5);
  const double infinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(median(std::vector{infinity, 1.0, infinity, infinity}), infinity);
  EXPECT_EQ(cliffs_delta(std::vector{1.0, 2.0}, std::vector{3.0, 4.0}), 1.0);
  EXPECT_EQ(cliffs_delta(std::vector{3.0, 4.0}, std::vector{1.0, 2.0}), -1.0);
  EXPECT_EQ(cliffs_delta(std::vector{1.0, 2.0}, std::vector{1.0, 2.0}), 0.0);
  EXPECT_DOUBLE_EQ(cliffs_delta(std::vector{1.0, 2.0, 3.0}, std::vector{2.0}), 0.0);
  EXPECT_DOUBLE_EQ(cliffs_delta(std::vector{1.0, 2.0}, std::vector{2.0}), 0.5);
}

TEST(Statistics, SmallestPThatSoManyRepetitionsAllow) {
  EXPECT_NEAR(smallest_p_of_sittings(5, 5), 2.0 / 252, 1e-15);  // .0079
  EXPECT_NEAR(smallest_p_of_sittings(12, 12), 2.0 / 2704156, 1e-18);
  EXPECT_NEAR(smallest_p_of_blocks(6), 2.0 / 46656, 1e-18);
  EXPECT_EQ(smallest_p_of_sittings(1, 1), 1);
}

TEST(Statistics, SmallestPOfTheseValuesKnowsTies) {
  RankTests tests;
  EXPECT_NEAR(tests.smallest_p_value({{{1, 2, 3}, {4, 5, 6}}}), 2.0 / 20, 1e-15);
  EXPECT_EQ(tests.smallest_p_value({{{7, 7, 7}, {7, 7, 7}}}), 1);
  // Only one value of six differs: half of all exchanges put it into a.
  EXPECT_EQ(tests.smallest_p_value({{{0, 0, 0}, {0, 0, 1}}}), 1);
  EXPECT_NEAR(tests.smallest_p_value({{{0, 0, 0}, {1, 1, 1}}}), 2.0 / 20, 1e-15);
  EXPECT_NEAR(tests.smallest_p_value({{{0, 1}, {2, 3}}, {{10, 11}, {12, 13}}}), 2.0 / 36, 1e-15);
}

TEST(Statistics, NormalApproximationOfManyAsSciPy) {
  RankTests tests;
  const auto cases = fixtures("mann_whitney_normal");
  ASSERT_EQ(cases.size(), 1U);
  EXPECT_NEAR(tests.p_value({{cases[0][0], cases[0][1]}}), cases[0][2][0], 1e-9);
}

TEST(Statistics, IntervalOfManyMeetsTheExactOne) {
  RankTests tests;
  std::mt19937_64 random(7);
  Stratum exact;
  for (int i = 0; i < 60; ++i) {
    exact.a.push_back(static_cast<double>(random() % 1000));
    exact.b.push_back(static_cast<double>(random() % 1000) + 150);
  }
  auto many = exact;
  many.a.push_back(500);  // one more than is worked out exactly
  const auto few_interval = tests.shift(exact).interval;
  const auto many_interval = tests.shift(many).interval;
  ASSERT_TRUE(few_interval && many_interval);
  EXPECT_NEAR(many_interval->low, few_interval->low, 10);
  EXPECT_NEAR(many_interval->high, few_interval->high, 10);
}

TEST(Statistics, IntervalWithinBlocksIsWhereTheTestStopsRejecting) {
  RankTests tests;
  std::mt19937_64 random(3);
  Strata blocks(6);
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    const double drift = 5.0 * static_cast<double>(i);
    for (int k = 0; k < 2; ++k) {
      blocks[i].a.push_back(drift + static_cast<double>(random() % 1000) / 1000);
      blocks[i].b.push_back(drift + static_cast<double>(random() % 1000) / 1000 + 0.7);
    }
  }
  const auto shift = tests.shift_within_blocks(blocks);
  ASSERT_TRUE(shift.interval);
  EXPECT_LT(shift.interval->low, shift.estimate);
  EXPECT_LT(shift.estimate, shift.interval->high);
  EXPECT_NEAR(shift.estimate, 0.7, 0.35);
  const auto p_at = [&](double at) {
    auto moved = blocks;
    for (auto& block : moved) {
      for (double& value : block.b) value -= at;
    }
    return tests.p_value(aligned(moved));
  };
  EXPECT_LE(p_at(shift.interval->low - 1e-5), 0.05);
  EXPECT_GT(p_at(shift.interval->low + 1e-5), 0.05);
  EXPECT_GT(p_at(shift.interval->high - 1e-5), 0.05);
  EXPECT_LE(p_at(shift.interval->high + 1e-5), 0.05);
}

TEST(Statistics, TooFewBlocksHaveNoInterval) {
  RankTests tests;
  const Strata one{{{1, 2}, {3, 4}}};
  EXPECT_FALSE(tests.shift_within_blocks(one).interval);
  EXPECT_NEAR(tests.shift_within_blocks(one).estimate, 2, 1e-5);
}

TEST(Statistics, TiedArmsHaveAnIntervalOfOnePoint) {
  RankTests tests;
  const Strata blocks(6, {{std::log(4.0), std::log(4.0)}, {std::log(3.0), std::log(3.0)}});
  const auto shift = tests.shift_within_blocks(blocks);
  EXPECT_NEAR(shift.estimate, std::log(0.75), 1e-6);
  ASSERT_TRUE(shift.interval);
  EXPECT_NEAR(shift.interval->low, std::log(0.75), 1e-6);
  EXPECT_NEAR(shift.interval->high, std::log(0.75), 1e-6);
}

TEST(Statistics, BlocksThatLostARepetitionStillGiveTheShift) {
  RankTests tests;
  Strata blocks;
  for (int i = 0; i < 6; ++i) {
    const double drift = 100.0 * i;
    blocks.push_back({{drift, drift + 0.1}, {drift + 1, drift + 1.1}});
  }
  blocks[2].a.pop_back();
  blocks[4].b.pop_back();
  const auto shift = tests.shift_within_blocks(blocks);
  EXPECT_NEAR(shift.estimate, 1, 0.06);
  ASSERT_TRUE(shift.interval);
  EXPECT_GT(shift.interval->low, 0.8);
  EXPECT_LT(shift.interval->high, 1.2);
}

}  // namespace
}  // namespace netstall
