#include "bpf/traced_stalls.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "bpf/stall_trace_variant.hpp"

namespace netstall {
namespace {

constexpr std::uint64_t kMs = 1'000'000;
const CausePair kWindow{Cause::sndbuf_full, SubCause::peer_window};
const std::uint32_t kWindowKind =
    netstall_kind(NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_SUB_PEER_WINDOW);

std::int64_t shifted(std::int64_t kernel_ns) {
  return kernel_ns + 1000;
}

netstall_who sample_who() {
  netstall_who who{};
  who.pid = 7;
  who.tid = 8;
  std::strcpy(who.comm, "fifteen letters");
  std::strcpy(who.process, "main");
  return who;
}

netstall_traced_send sample_send() {
  netstall_traced_send send{};
  send.who = sample_who();
  send.wait_from = 100 * kMs;
  send.asleep = 1;
  send.why.cause = NETSTALL_CAUSE_SNDBUF_FULL;
  send.why.sub = NETSTALL_SUB_PEER_WINDOW;
  return send;
}

TEST(TracedStalls, AKindIsACauseWithItsSubCause) {
  for (std::uint32_t cause = 0; cause < NETSTALL_CAUSES; ++cause) {
    const auto kind = netstall_kind(cause, NETSTALL_SUB_UNTOLD);
    EXPECT_EQ(cause_of_kind(kind), CausePair(static_cast<Cause>(cause), std::nullopt));
  }
  EXPECT_EQ(cause_of_kind(kWindowKind), kWindow);
  EXPECT_EQ(cause_of_kind(netstall_kind(NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_SUB_NETWORK)),
            CausePair(Cause::sndbuf_full, SubCause::network));
  EXPECT_EQ(cause_of_kind(netstall_kind(NETSTALL_CAUSE_MEM_SHORTAGE, NETSTALL_SUB_GLOBAL)),
            CausePair(Cause::mem_shortage, SubCause::global));
  EXPECT_EQ(cause_of_kind(netstall_kind(NETSTALL_CAUSE_MEM_SHORTAGE, NETSTALL_SUB_CGROUP)),
            CausePair(Cause::mem_shortage, SubCause::cgroup));
}

TEST(TracedStalls, BothHalvesHaveTheSameBuckets) {
  for (std::uint64_t ns = 1; ns < (std::uint64_t{1} << 62); ns = ns * 3 / 2 + 1) {
    EXPECT_EQ(netstall_bucket(ns), trace_bucket(ns)) << ns;
  }
  EXPECT_EQ(trace_bucket(999), 0U);
  EXPECT_EQ(trace_bucket(1000), 1U);
  EXPECT_EQ(trace_bucket(1999), 1U);
  EXPECT_EQ(trace_bucket(2000), 2U);
  EXPECT_EQ(trace_bucket(~std::uint64_t{0}), kTraceBuckets - 1);
}

TEST(TracedStalls, AnEventIsAStallWithTheCauseOfMostOfIt) {
  netstall_stall_event event{};
  event.began = 5000;
  event.flags = NETSTALL_BEFORE;
  event.queue_ns = 3;
  event.waits = 2;
  event.time_ns[kWindowKind] = 10 * kMs;
  event.time_ns[NETSTALL_CAUSE_NOTSENT_LOWAT] = 4 * kMs;
  event.who = sample_who();
  event.ends.family = 2;
  event.ends.local_port = 80;
  const auto stall = traced_stall(event, true, shifted);
  EXPECT_EQ(stall.began_wall_ns, 6000);
  EXPECT_EQ(stall.duration_ns, 14 * kMs);
  EXPECT_EQ(stall.cause, kWindow);
  EXPECT_EQ(stall.by_cause.size(), 2U);
  EXPECT_EQ(stall.run_queue_ns, 3U);
  EXPECT_TRUE(stall.began_before_trace);
  EXPECT_EQ(stall.io, Io::blocking);
  EXPECT_EQ(stall.thread.comm, "fifteen letters");
  EXPECT_EQ(to_text(stall.local), "0.0.0.0:80");
  EXPECT_FALSE(traced_stall(event, false, shifted).run_queue_ns);
}

TEST(TracedStalls, AWaitThatLastsCountsUpToTheEnd) {
  const auto send = sample_send();
  const auto stall = traced_stall(send, 150 * kMs, true, shifted);
  ASSERT_TRUE(stall);
  EXPECT_TRUE(stall->open);
  EXPECT_EQ(stall->duration_ns, 50 * kMs);
  EXPECT_EQ(stall->waits, 1U);
  TraceTotals totals;
  totals.add_open(send, 150 * kMs);
  const auto summary = totals.take();
  EXPECT_EQ(summary.total().open, 1U);
  EXPECT_EQ(summary.total().stalls, 1U);
  EXPECT_EQ(summary.total().waits, 1U);
  EXPECT_EQ(summary.total().time_ns, 50 * kMs);
  ASSERT_EQ(summary.by_process.size(), 1U);
  EXPECT_EQ(summary.by_process[0].process, "main");
  EXPECT_EQ(summary.by_process[0].buckets.at(trace_bucket(50 * kMs)), 1U);
}

TEST(TracedStalls, ASendThatNeverSleptIsNoStall) {
  auto send = sample_send();
  send.asleep = 0;
  EXPECT_FALSE(traced_stall(send, 150 * kMs, true, shifted));
  TraceTotals totals;
  totals.add_open(send, 150 * kMs);
  EXPECT_EQ(totals.take().total().stalls, 0U);
}

// Its first waits are in the kernel's sums already, the stall is not.
TEST(TracedStalls, AnOpenStallsEarlierWaitsCountOnce) {
  netstall_totals counted{};
  counted.waits = 2;
  counted.time_ns = 20 * kMs;
  auto send = sample_send();
  send.began = 50 * kMs;
  send.waits = 2;
  send.time_ns[kWindowKind] = 20 * kMs;
  TraceTotals totals;
  netstall_totals_key key{7, kWindowKind, {}};
  std::strcpy(key.process, "main");
  totals.add_process(key, counted);
  totals.add_open(send, 150 * kMs);
  const auto summary = totals.take();
  EXPECT_EQ(summary.total().waits, 3U);
  EXPECT_EQ(summary.total().time_ns, 70 * kMs);
  EXPECT_EQ(summary.total().stalls, 1U);
  EXPECT_EQ(summary.total().longest_ns, 70 * kMs);
  ASSERT_EQ(summary.by_process.size(), 1U);
}

TEST(TracedStalls, TotalsAreOfAllProcesses) {
  netstall_totals counted{};
  counted.stalls = 5;
  counted.waits = 6;
  counted.time_ns = 60 * kMs;
  counted.longest = 30 * kMs;
  std::vector<std::uint64_t> slots(std::size_t{NETSTALL_KINDS} * NETSTALL_HDR_SLOTS);
  slots[std::size_t{kWindowKind} * NETSTALL_HDR_SLOTS + netstall_hdr_index_of(10 * kMs)] = 10;
  TraceTotals totals;
  totals.add_process({7, kWindowKind, "main"}, counted);
  totals.add_others(kWindowKind, counted);
  totals.add_others(0, netstall_totals{});
  totals.add_durations(slots);
  const auto summary = totals.take();
  EXPECT_EQ(summary.total().stalls, 10U);
  EXPECT_EQ(summary.total().time_ns, 120 * kMs);
  EXPECT_EQ(summary.by_cause.at(kWindow).duration.count(), 10U);
  EXPECT_EQ(summary.by_cause.size(), 1U);
  ASSERT_EQ(summary.by_process.size(), 2U);
}

TEST(StallTraceVariants, EachBackendHasItsPrograms) {
  StallTraceOptions options;
  const auto all = stall_trace_variants(options, {});
  ASSERT_EQ(all.size(), 6U);
  EXPECT_EQ(all.front().backend, SendWaitBackend::fentry);
  EXPECT_EQ(all.back().backend, SendWaitBackend::tracepoint);
  options.force = SendWaitBackend::tracepoint;
  options.filter.families = {1};
  const auto forced = stall_trace_variants(options, {});
  ASSERT_EQ(forced.size(), 2U);
  EXPECT_EQ(forced[0].cannot_tell, std::vector<Cause>{Cause::cgroup_throttle});
  EXPECT_NE(std::find(forced[0].programs.begin(), forced[0].programs.end(), "on_fork"),
            forced[0].programs.end());
}

}  // namespace
}  // namespace netstall
