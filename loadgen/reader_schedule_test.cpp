#include "loadgen/reader_schedule.hpp"

#include <gtest/gtest.h>

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
  task.bytes_per_s = 64'000;
  EXPECT_EQ(read_size(task), 3'200U);
  task.bytes_per_s = 1e9;
  EXPECT_EQ(read_size(task), kReadBytes);
  task.bytes_per_s = 0.5;
  EXPECT_EQ(read_size(task), 1U);
  task.chunk = Bytes{100'000};
  EXPECT_EQ(read_size(task), 100'000U);
}

}  // namespace
}  // namespace netstall
