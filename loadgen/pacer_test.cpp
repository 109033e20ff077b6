#include "loadgen/pacer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000'000;

std::vector<std::int64_t> due_times(const Pacer& pacer, std::size_t count, std::uint32_t index = 0,
                                    std::uint32_t of = 1) {
  std::vector<std::int64_t> times;
  for (auto place = pacer.first(index, of); times.size() < count; pacer.advance(place)) {
    times.push_back(pacer.due(place));
  }
  return times;
}

TEST(Pacer, ConstantMessagesAreOneIntervalApart) {
  const auto times = due_times(Pacer(1'000'000, PaceSpec{200}, 1, 5001), 1'000);
  EXPECT_GE(times[0], 1'000'000);
  EXPECT_LT(times[0], 6'000'000);
  for (std::size_t i = 0; i < times.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(times[i] - times[0]), static_cast<double>(i) * 5e6, 1);
  }
}

TEST(Pacer, DueTimesDoNotDriftWhereTheIntervalIsNoWholeNumber) {
  const Pacer pacer(0, PaceSpec{3}, 1, 5001);
  auto place = pacer.first(0, 1);
  const auto first = pacer.due(place);
  for (int i = 0; i < 108'000; ++i) pacer.advance(place);
  // Ten hours of thirds of a second, to the nanosecond and its rounding.
  EXPECT_NEAR(static_cast<double>(pacer.due(place) - first), 36'000.0 * kSecond, 16);
}

TEST(Pacer, CountsWhatIsDueBeforeATime) {
  PaceSpec bursts{333'333.3};
  bursts.burst = PaceBurst{10us, 30us};
  PaceSpec schedule{50};
  schedule.schedule = {{1s, 500}, {2s, 5}};
  PaceSpec poisson{1'000, Arrival::poisson};
  poisson.schedule = {{100ms, 10}};
  for (const auto& pace : {PaceSpec{0.5}, PaceSpec{3}, PaceSpec{1e6}, bursts, schedule, poisson}) {
    const Pacer pacer(5'000, pace, 7, 5001);
    EXPECT_EQ(pacer.due_before(2, 4, 5'000), 0U);
    const auto times = due_times(pacer, 1'000, 2, 4);
    for (const std::uint64_t n : {0U, 1U, 2U, 99U, 999U}) {
      // Others may be due within the same ns.
      const auto before = static_cast<std::uint64_t>(
          std::lower_bound(times.begin(), times.end(), times[n]) - times.begin());
      const auto by = static_cast<std::uint64_t>(
          std::upper_bound(times.begin(), times.end(), times[n]) - times.begin());
      EXPECT_EQ(pacer.due_before(2, 4, times[n]), before);
      if (n < 999) {
        EXPECT_EQ(pacer.due_before(2, 4, times[n] + 1), by);
      }
    }
  }
}

TEST(Pacer, PoissonIntervalsAreExponential) {
  const Pacer pacer(0, PaceSpec{1'000, Arrival::poisson}, 3, 5001);
  constexpr std::size_t kCount = 100'000;
  const auto times = due_times(pacer, kCount);
  std::vector<double> intervals{static_cast<double>(times[0]) / 1e6};
  for (std::size_t i = 1; i < kCount; ++i) {
    intervals.push_back(static_cast<double>(times[i] - times[i - 1]) / 1e6);
  }
  std::sort(intervals.begin(), intervals.end());
  // Kolmogorov and Smirnov: beyond 1.95/sqrt(n) in one of a thousand samples.
  double distance = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    const double share = static_cast<double>(i) / kCount;
    distance = std::max(distance, std::abs(share - (1 - std::exp(-intervals[i]))));
  }
  EXPECT_LT(distance, 1.95 / std::sqrt(kCount));
  EXPECT_NEAR(static_cast<double>(times.back()), 100.0 * kSecond, 1.3 * kSecond);
}

TEST(Pacer, PoissonConnectionsDifferAndAreTheSameEachTime) {
  const PaceSpec pace{100, Arrival::poisson};
  const Pacer pacer(0, pace, 3, 5001);
  EXPECT_EQ(due_times(pacer, 50, 4, 9), due_times(Pacer(0, pace, 3, 5001), 50, 4, 9));
  EXPECT_NE(due_times(pacer, 50, 4, 9), due_times(pacer, 50, 5, 9));
  EXPECT_NE(due_times(pacer, 50, 4, 9), due_times(Pacer(0, pace, 4, 5001), 50, 4, 9));
}

TEST(Pacer, NothingIsDueBetweenBursts) {
  PaceSpec pace{1'000};
  pace.burst = PaceBurst{100ms, 900ms};
  const auto times = due_times(Pacer(0, pace, 1, 5001), 1'000);
  for (const auto at : times) EXPECT_LT(at % kSecond, 100'000'001) << at;
  // A hundred in each burst.
  EXPECT_EQ(times[99] / kSecond, 0);
  EXPECT_EQ(times[100] / kSecond, 1);
  EXPECT_EQ(times[999] / kSecond, 9);
}

TEST(Pacer, RatesChangeWhenTheyShall) {
  PaceSpec pace{10};
  pace.schedule = {{2s, 1'000}, {3s, 1}};
  const auto times = due_times(Pacer(0, pace, 1, 5001), 1'030);
  const auto count = [&](std::int64_t from, std::int64_t to) {
    return std::count_if(times.begin(), times.end(),
                         [&](std::int64_t at) { return at >= from && at < to; });
  };
  EXPECT_NEAR(static_cast<double>(count(0, 2 * kSecond)), 20, 1);
  EXPECT_NEAR(static_cast<double>(count(2 * kSecond, 3 * kSecond)), 1'000, 1);
  EXPECT_NEAR(static_cast<double>(count(3 * kSecond, 8 * kSecond)), 5, 1);
}

TEST(Pacer, ChangesAndBurstsGoTogether) {
  PaceSpec pace{100};
  pace.burst = PaceBurst{500ms, 500ms};
  // Within a pause.
  pace.schedule = {{1750ms, 200}};
  const auto times = due_times(Pacer(0, pace, 1, 5001), 300);
  const auto until = [&](std::int64_t to) {
    return std::lower_bound(times.begin(), times.end(), to) - times.begin();
  };
  EXPECT_NEAR(static_cast<double>(until(1 * kSecond)), 50, 1);
  EXPECT_NEAR(static_cast<double>(until(2 * kSecond)), 100, 1);
  EXPECT_NEAR(static_cast<double>(until(3 * kSecond)), 200, 1);
}

TEST(Pacer, PhasesAreSpreadEvenlyOverOneInterval) {
  constexpr std::uint32_t kCount = 1000;
  constexpr double kInterval = 20e6;
  const Pacer pacer(0, PaceSpec{50}, 7, 5001);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const auto phase = static_cast<double>(phase_ns(7, 5001, i, kCount, kInterval));
    EXPECT_GE(phase, kInterval * i / kCount - 1);
    EXPECT_LE(phase, kInterval * (i + 1) / kCount);
    EXPECT_NEAR(static_cast<double>(pacer.due(pacer.first(i, kCount))), phase, 1);
  }
}

TEST(Pacer, PhasesComeFromSeedAndStream) {
  std::set<std::int64_t> phases;
  for (const std::uint64_t seed : {1U, 2U, 3U}) {
    for (const std::uint64_t port : {5001U, 5002U}) phases.insert(phase_ns(seed, port, 0, 1, 1e9));
  }
  EXPECT_EQ(phases.size(), 6U);
  EXPECT_EQ(phase_ns(1, 5001, 0, 1, 1e9), phase_ns(1, 5001, 0, 1, 1e9));
}

}  // namespace
}  // namespace netstall
