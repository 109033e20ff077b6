#include "loadgen/switch_log.hpp"

#include <gtest/gtest.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <span>
#include <utility>

#include "base/clock.hpp"

namespace netstall {
namespace {

struct Record {
  perf_event_header header{PERF_RECORD_SWITCH, 0, 16};
  std::uint64_t time = 0;
};

template <std::size_t N>
std::optional<std::vector<Switch>> parsed(const std::array<Record, N>& records,
                                          std::uint64_t written) {
  return parse_switches(std::as_bytes(std::span(records)), written);
}

TEST(SwitchLog, ParsesWhatTheKernelWrites) {
  std::array<Record, 4> records;
  records[0] = {{PERF_RECORD_SWITCH, PERF_RECORD_MISC_SWITCH_OUT, 16}, 100};
  records[1] = {{PERF_RECORD_SWITCH, 0, 16}, 200};
  records[2] = {
      {PERF_RECORD_SWITCH, PERF_RECORD_MISC_SWITCH_OUT | PERF_RECORD_MISC_SWITCH_OUT_PREEMPT, 16},
      300};
  const auto switches = parsed(records, 48);
  ASSERT_TRUE(switches);
  ASSERT_EQ(switches->size(), 3U);
  EXPECT_EQ(switches->at(0).kind, SwitchKind::slept);
  EXPECT_EQ(switches->at(0).at_ns, 100);
  EXPECT_EQ(switches->at(1).kind, SwitchKind::ran);
  EXPECT_EQ(switches->at(2).kind, SwitchKind::preempted);
  EXPECT_EQ(switches->at(2).at_ns, 300);
}

TEST(SwitchLog, OfAFullRingTheOldestComeFirst) {
  std::array<Record, 4> records;
  // Six were written into four places.
  records[0].time = 500;
  records[1].time = 600;
  records[2].time = 300;
  records[3].time = 400;
  const auto switches = parsed(records, 96);
  ASSERT_TRUE(switches);
  ASSERT_EQ(switches->size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(switches->at(i).at_ns, static_cast<std::int64_t>(300 + 100 * i));
  }
}

TEST(SwitchLog, AnyOtherRecordMakesItWorthless) {
  std::array<Record, 4> records;
  records[1].header.type = PERF_RECORD_THROTTLE;
  EXPECT_TRUE(parsed(records, 16));
  EXPECT_FALSE(parsed(records, 32));
}

std::uint64_t sleeps_of_this_thread() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return static_cast<std::uint64_t>(usage.ru_nvcsw);
}

void sleep_for(long ns) {
  const timespec time{0, ns};
  ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

std::uint64_t sleeps_in(std::span<const Switch> switches) {
  return static_cast<std::uint64_t>(
      std::count_if(switches.begin(), switches.end(),
                    [](const Switch& s) { return s.kind == SwitchKind::slept; }));
}

// Against the kernel's own count of the thread's voluntary switches, read within what the log
// covers and around it: a page fault may sleep, too.
TEST(SwitchLog, SeesEverySleepOfAThread) {
  const auto before_all = sleeps_of_this_thread();
  auto log = SwitchLog::of(::gettid());
  if (!log) GTEST_SKIP() << "this kernel gives no log of context switches here";
  const auto first = mono_now().ns;
  const auto before = sleeps_of_this_thread();
  for (int i = 0; i < 20; ++i) sleep_for(200'000);
  const auto slept = sleeps_of_this_thread() - before;
  const auto last = mono_now().ns;
  auto moved = std::move(*log);
  const auto history = moved.take();
  const auto slept_in_all = sleeps_of_this_thread() - before_all;
  EXPECT_GE(slept, 20U);
  EXPECT_GE(sleeps_in(history.switches), slept);
  EXPECT_LE(sleeps_in(history.switches), slept_in_all);
  EXPECT_TRUE(history.covers(first, last));
  // Off the CPU as long as it slept; beyond the twenty sleeps it may have lost the CPU, too.
  std::int64_t off = 0;
  std::int64_t off_since = 0;
  std::int64_t at = history.from_ns;
  for (const auto& event : history.switches) {
    EXPECT_GE(event.at_ns, at);
    at = event.at_ns;
    if (event.kind != SwitchKind::ran) {
      off_since = at;
    } else if (off_since >= first && at <= last) {
      off += at - off_since;
    }
  }
  EXPECT_GT(off, 20 * 200'000 * 9 / 10);
  EXPECT_LE(off, last - first);
}

TEST(SwitchLog, KeepsTheLast) {
  auto log = SwitchLog::of(::gettid());
  if (!log) GTEST_SKIP() << "this kernel gives no log of context switches here";
  const auto first = mono_now().ns;
  for (int i = 0; i < 300; ++i) sleep_for(10'000);
  const auto last = mono_now().ns;
  const auto history = log->take();
  EXPECT_LE(history.switches.size(), 256U);
  EXPECT_GE(history.switches.size(), 250U);  // not those after the look at the clock
  EXPECT_EQ(history.from_ns, history.switches.front().at_ns);
  EXPECT_FALSE(history.covers(first, last));
  EXPECT_TRUE(history.covers(history.from_ns, last));
}

TEST(SwitchLog, OfNoThreadThereIsNone) {
  EXPECT_FALSE(SwitchLog::of(1'073'741'824));
}

}  // namespace
}  // namespace netstall
