#include "bench/run/series_recorder.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kFrom{1'000'000'000'000};

// Taken `after` the window's start.
Sample sample(std::uint32_t index, Nanoseconds after, std::uint64_t bytes, std::uint64_t blocked) {
  return {index, (kFrom + after).ns, {{0, bytes, blocked}}};
}

TEST(SeriesRecorder, SumsTheWorkersAndKnowsAShortLastPoint) {
  SeriesRecorder recorder(kFrom, 250ms, 100ms, 2);
  ASSERT_EQ(recorder.points(), 3U);
  EXPECT_EQ(recorder.due(3), Nanoseconds(250ms));
  for (std::uint32_t k = 1; k <= 3; ++k) {
    recorder.on_sample(0, sample(k, recorder.due(k), 1000, 1));
    recorder.on_sample(1, sample(k, recorder.due(k), 500, 2));
    recorder.on_memory(k, 40 + k);
  }
  const auto series = recorder.take();
  EXPECT_EQ(series.t_ns, (std::vector<std::int64_t>{100'000'000, 200'000'000, 250'000'000}));
  EXPECT_DOUBLE_EQ(*series.goodput_bytes_per_s[0], 15000);
  EXPECT_DOUBLE_EQ(*series.goodput_bytes_per_s[2], 30000);
  EXPECT_EQ(series.blocked_senders[1], 3);
  EXPECT_EQ(series.tcp_mem_pages[2], 43);
}

TEST(SeriesRecorder, WhatAWorkerDidNotSendIsNotMeasured) {
  SeriesRecorder recorder(kFrom, 200ms, 100ms, 2);
  recorder.on_sample(0, sample(1, 100ms, 1000, 1));
  recorder.on_sample(0, sample(9, 900ms, 1000, 1));
  const auto series = recorder.take();
  EXPECT_FALSE(series.goodput_bytes_per_s[0].has_value());
  EXPECT_FALSE(series.blocked_senders[0].has_value());
  EXPECT_FALSE(series.tcp_mem_pages[1].has_value());
}

TEST(SeriesRecorder, AReadingIsThereOnceAllWorkersHaveTold) {
  SeriesRecorder recorder(kFrom, 200ms, 100ms, 2);
  EXPECT_FALSE(recorder.reading(0));
  recorder.on_sample(0, sample(1, 100ms, 1000, 1));
  EXPECT_FALSE(recorder.reading(1));
  recorder.on_sample(1, sample(1, 100ms, 500, 2));
  ASSERT_TRUE(recorder.reading(1));
  EXPECT_DOUBLE_EQ(recorder.reading(1)->goodput_bytes_per_s, 15000);
  EXPECT_EQ(recorder.reading(1)->blocked_senders, 3U);
  EXPECT_FALSE(recorder.reading(2));
  EXPECT_FALSE(recorder.reading(3));
}

TEST(SeriesRecorder, ALateSampleShowsTheTrueRate) {
  SeriesRecorder recorder(kFrom, 300ms, 100ms, 1);
  recorder.on_sample(0, sample(1, 100ms, 1000, 0));
  recorder.on_sample(0, sample(2, 250ms, 1500, 0));
  recorder.on_sample(0, sample(3, 300ms, 500, 0));
  for (const auto& rate : recorder.take().goodput_bytes_per_s) EXPECT_DOUBLE_EQ(*rate, 10000);
}

}  // namespace
}  // namespace netstall
