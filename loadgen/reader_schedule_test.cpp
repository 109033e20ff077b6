#include "loadgen/reader_schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

namespace netstall {
namespace {

TEST(ReaderSchedule, ChunkIsDueItsOwnLengthAfterTheOneBefore) {
  const ReaderSchedule schedule(64'000);
  EXPECT_EQ(schedule.next(1'000, 64), 1'001'000);
  EXPECT_EQ(schedule.next(1'000, 4'096), 1'000 + 64'000'000);
}

TEST(ReaderSchedule, KeepsItsRateOverMillionsOfChunks) {
  const ReaderSchedule schedule(1e6);
  std::int64_t due = 0;
  for (int i = 0; i < 1'000'000; ++i) due = schedule.next(due, 1'460);
  EXPECT_EQ(due, 1'460'000'000'000);
}

TEST(ReaderSchedule, NoCreditGathersWhileTheSenderIsSilent) {
  const ReaderSchedule schedule(1'000);
  const auto due = schedule.next_after_waiting(60'000'000'000, 1'000);
  EXPECT_EQ(due, 61'000'000'000);
}

TEST(ReaderSchedule, ReadSize) {
  FlowTask task;
  EXPECT_EQ(read_size(task), kReadBytes);
  task.reader.bytes_per_s = 64'000;
  EXPECT_EQ(read_size(task), 3'200U);
  task.reader.bytes_per_s = 1e9;
  EXPECT_EQ(read_size(task), kReadBytes);
  task.reader.bytes_per_s = 0.5;
  EXPECT_EQ(read_size(task), 1U);
  task.reader.chunk = Bytes{100'000};
  EXPECT_EQ(read_size(task), 100'000U);
}

TEST(ReaderSchedule, AShareIsSpreadEvenlyOverTheGroup) {
  FlowTask task;
  task.reader.bytes_per_s = 1'000;
  task.reader.share = 0.1;
  // Two workers with parts of a group of 100.
  std::vector<std::uint32_t> slow;
  for (const auto& [first, connections] : {std::pair(0U, 37U), std::pair(37U, 63U)}) {
    task.first = first;
    for (std::uint32_t i = 0; i < connections; ++i) {
      const auto manner = reader_manner(task, 1, i);
      EXPECT_EQ(manner.limited, manner.freezes);
      if (manner.limited) slow.push_back(first + i);
    }
  }
  ASSERT_EQ(slow.size(), 10U);
  for (std::size_t i = 1; i < slow.size(); ++i) EXPECT_EQ(slow[i] - slow[i - 1], 10U);
  EXPECT_EQ(read_size(task), kReadBytes);
}

TEST(ReaderSchedule, TurnsAreInOrderAndNoneComesAfterTheStop) {
  ReaderSpec reader;
  const auto turns = [&reader] {
    std::vector<std::pair<std::int64_t, bool>> all;
    for (const auto& turn : reader_turns(reader, 1'000)) all.emplace_back(turn.at, turn.reading);
    return all;
  };
  using Turns = std::vector<std::pair<std::int64_t, bool>>;
  EXPECT_EQ(turns(), (Turns{{1'000, true}}));
  reader.freeze = {{Nanoseconds(10), Nanoseconds(5)}, {Nanoseconds(100), Nanoseconds(50)}};
  EXPECT_EQ(turns(),
            (Turns{{1'000, true}, {1'010, false}, {1'015, true}, {1'100, false}, {1'150, true}}));
  reader.stop_after = Nanoseconds(120);
  EXPECT_EQ(turns(),
            (Turns{{1'000, true}, {1'010, false}, {1'015, true}, {1'100, false}, {1'120, false}}));
  reader.stop_after = Nanoseconds(0);
  EXPECT_EQ(turns().front(), std::pair(std::int64_t{1'000}, true));
  EXPECT_EQ(turns().back().second, false);
}

TEST(ReaderSchedule, RatesAreLogNormal) {
  FlowTask task;
  task.reader.bytes_per_s = 64'000;
  task.reader.rate_sigma = 1;
  double sum = 0;
  double squares = 0;
  constexpr std::uint32_t kCount = 10'000;
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const double log = std::log(reader_manner(task, 1, i).bytes_per_s / 64'000);
    sum += log;
    squares += log * log;
  }
  EXPECT_NEAR(sum / kCount, 0, 0.04);
  EXPECT_NEAR(squares / kCount, 1, 0.06);
  EXPECT_EQ(reader_manner(task, 1, 7).bytes_per_s, reader_manner(task, 1, 7).bytes_per_s);
  EXPECT_NE(reader_manner(task, 1, 7).bytes_per_s, reader_manner(task, 2, 7).bytes_per_s);
}

}  // namespace
}  // namespace netstall
