#include "loadgen/pacer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

namespace netstall {
namespace {

TEST(Pacer, DueTimesAreMultiplesOfTheInterval) {
  const Pacer pacer(1'000'000, 200);
  EXPECT_EQ(pacer.due(0, 0), 1'000'000);
  EXPECT_EQ(pacer.due(0, 1), 6'000'000);
  EXPECT_EQ(pacer.due(700, 10), 51'000'700);
}

TEST(Pacer, DueTimesDoNotDriftWhereTheIntervalIsNoWholeNumber) {
  const Pacer pacer(0, 3);
  // Ten hours of thirds of a second, to the nanosecond.
  EXPECT_EQ(pacer.due(0, 108'000), 36'000'000'000'000);
  EXPECT_EQ(pacer.due(0, 1), 333'333'333);
  EXPECT_EQ(pacer.due(0, 2), 666'666'667);
}

TEST(Pacer, CountsWhatIsDueBeforeATime) {
  for (const double rate : {0.5, 3.0, 50.0, 1e6, 333'333.3}) {
    const Pacer pacer(5'000, rate);
    for (const std::int64_t phase : {0, 17, 4'000}) {
      EXPECT_EQ(pacer.due_before(phase, 5'000 + phase), 0U);
      for (const std::uint64_t n : {0U, 1U, 2U, 99U, 12'345U}) {
        EXPECT_EQ(pacer.due_before(phase, pacer.due(phase, n)), n) << rate;
        EXPECT_EQ(pacer.due_before(phase, pacer.due(phase, n) + 1), n + 1) << rate;
      }
    }
  }
}

TEST(Pacer, PhasesAreSpreadEvenlyOverOneInterval) {
  constexpr std::uint32_t kCount = 1000;
  constexpr double kInterval = 20e6;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const auto phase = static_cast<double>(phase_ns(7, 5001, i, kCount, kInterval));
    EXPECT_GE(phase, kInterval * i / kCount - 1);
    EXPECT_LE(phase, kInterval * (i + 1) / kCount);
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
