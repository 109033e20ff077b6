#include "loadgen/send_tally.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace netstall {
namespace {

TEST(SharedTally, AddsUpWhatManyThreadsRecord) {
  constexpr int kThreads = 8;
  constexpr int kRecords = 20'000;
  SharedTally shared(kThreads);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < kRecords; ++n) {
        shared.record([](SendTally& tally) {
          ++tally.messages;
          tally.send_call.record(1'000);
          tally.send_latency.record(2'000);
          add(tally.stalls, StallPart{true, 2, 30, true, false});
          ++tally.stalls.preemptions;
        });
      }
    });
  }
  for (auto& thread : threads) thread.join();
  const auto sum = shared.collect();
  constexpr auto kSum = std::uint64_t{kThreads} * std::uint64_t{kRecords};
  EXPECT_EQ(sum.messages, kSum);
  EXPECT_EQ(sum.send_call.count(), kSum);
  EXPECT_EQ(sum.send_latency.count(), kSum);
  EXPECT_EQ(sum.stalls.count, kSum);
  EXPECT_EQ(sum.stalls.waits, 2 * kSum);
  EXPECT_EQ(sum.stalls.time_ns, 30 * kSum);
  EXPECT_EQ(sum.stalls.open_at_start, kSum);
  EXPECT_EQ(sum.stalls.open_at_end, 0U);
  EXPECT_EQ(sum.stalls.preemptions, kSum);
}

TEST(SharedTally, IsShutOnceCollected) {
  SharedTally shared(1);
  shared.record([](SendTally& tally) { ++tally.messages; });
  EXPECT_EQ(shared.collect().messages, 1U);
  shared.record([](SendTally& tally) { ++tally.messages; });
  EXPECT_EQ(shared.collect().messages, 1U);
}

}  // namespace
}  // namespace netstall
