#include "bench/report/trace_formats.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <nlohmann/json.hpp>

namespace netstall {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::int64_t kNoon = 1'700'049'600'000'000'000;  // 2023-11-15T12:00:00Z
constexpr std::uint64_t kMs = 1'000'000;

const CausePair kWindow{Cause::sndbuf_full, SubCause::peer_window};
const CausePair kShortage{Cause::mem_shortage, SubCause::cgroup};

TracedStall sample_stall() {
  TracedStall stall;
  stall.began_wall_ns = kNoon + 123'456'789;
  stall.duration_ns = 204 * kMs;
  stall.run_queue_ns = 1000;
  stall.waits = 3;
  stall.cause = kWindow;
  stall.by_cause = {{kWindow, 200 * kMs}, {kShortage, 4 * kMs}};
  stall.thread = {12, 34, "worker \"7\"", "server"};
  stall.local = {Family::ipv4, {192, 0, 2, 1}, 80};
  stall.peer = {Family::ipv4, {198, 51, 100, 7}, 51234};
  stall.netns = 4026531840;
  stall.queue_bytes = 131072;
  stall.sndbuf_bytes = 87040;
  stall.unsent_bytes = 100;
  stall.window_bytes = 0;
  return stall;
}

TraceSetup sample_setup() {
  TraceSetup setup;
  setup.tool = "netstall 0.1.0";
  setup.backend = "tracepoint";
  setup.cannot_tell = {Cause::cgroup_throttle};
  setup.filters = {"--port 80"};
  setup.max_events_per_s = 1000;
  setup.began_wall_ns = kNoon;
  return setup;
}

TraceSummary sample_summary() {
  TraceSummary summary;
  summary.duration_ns = 10'000 * kMs;
  summary.run_queue_known = true;
  auto& window = summary.by_cause[kWindow];
  window.count = {30, 31, 3000 * kMs, 5000, 180 * kMs, 0, 1};
  for (int i = 0; i < 30; ++i) window.duration.record(100 * kMs);
  summary.by_process.push_back({12, "server", kWindow, window.count, {}});
  summary.by_process.back().buckets.at(trace_bucket(100 * kMs)) = 29;
  summary.by_process.back().buckets.at(trace_bucket(40 * kMs)) = 1;
  summary.lines = {20, 1, 9, 0};
  return summary;
}

class TraceFormats : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("TZ", "UTC", 1);
    ::tzset();
  }
};

TEST_F(TraceFormats, StapIsSystemTapsExampleToTheLine) {
  const auto stap = make_trace_formatter(TraceFormat::stap);
  EXPECT_TRUE(stap->wants_edges());
  EXPECT_EQ(stap->line(TracedEdge{kNoon + 123'456'789, false, {12, 34, "dd", "dd"}}),
            "1700049600123456: dd(12) blocked on full send buffer\n");
  EXPECT_EQ(stap->line(TracedEdge{kNoon + 223'456'999, true, {12, 34, "dd", "dd"}}),
            "1700049600223456: dd(12) recovered from full send buffer\n");
  EXPECT_EQ(stap->head(sample_setup()) + stap->tail(sample_setup(), sample_summary()), "");
}

TEST_F(TraceFormats, TextTellsAStallInALine) {
  const auto text = make_trace_formatter(TraceFormat::text);
  const auto line = text->line(sample_stall());
  EXPECT_THAT(line, ::testing::StartsWith("12:00:00.123456 "));
  for (const auto* part : {"worker \"7\"", "12/34", "192.0.2.1:80 > 198.51.100.7:51234", "204 ms",
                           "sndbuf_full/peer_window", "128 KiB", "85 KiB", "0 B"}) {
    EXPECT_THAT(line, HasSubstr(part));
  }
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, Not(HasSubstr(">204")));
  // Under the words of the head.
  const auto head = text->head(sample_setup());
  EXPECT_EQ(head.find("cause"), line.find("sndbuf_full"));
  EXPECT_EQ(head.find("local"), line.find("192.0.2.1"));
}

TEST_F(TraceFormats, TextSaysWhatIsNotTheWholeStall) {
  auto stall = sample_stall();
  stall.open = true;
  stall.began_before_trace = true;
  stall.thread.comm = "evil\x1b[2J\n";
  const auto line = make_trace_text()->line(stall);
  EXPECT_THAT(line, HasSubstr(">204 ms"));
  EXPECT_THAT(line, HasSubstr("began before the trace"));
  EXPECT_THAT(line, HasSubstr("still open"));
  EXPECT_THAT(line, Not(HasSubstr("\x1b")));
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
}

TEST_F(TraceFormats, AnIpv6AddressStandsInBrackets) {
  TracedAddress address{Family::ipv6, {0x20, 0x01, 0x0d, 0xb8}, 443};
  address.bytes[15] = 1;
  EXPECT_EQ(to_text(address), "[2001:db8::1]:443");
  EXPECT_EQ(address_text(address), "2001:db8::1");
}

TEST_F(TraceFormats, TheSummaryCountsByCauseAndProcess) {
  const auto text = trace_summary_text(sample_setup(), sample_summary());
  EXPECT_THAT(text, HasSubstr("30 stalls in 10 s (by tracepoint): 3 s blocked"));
  EXPECT_THAT(text, HasSubstr("the longest 180 ms"));
  EXPECT_THAT(text, HasSubstr("1 are still open"));
  EXPECT_THAT(text, HasSubstr("server (12)"));
  // p50 of 100 ms: 15 lie beyond; of p99 too few do.
  EXPECT_THAT(text, ::testing::ContainsRegex("peer_window +30 +31 +3 s +100 ms +- +180 ms"));
  // A line for each bucket from the first to the last that holds any.
  EXPECT_THAT(text, ::testing::ContainsRegex("32.8 ms to +65.5 ms +1  █▍"));
  EXPECT_THAT(text, ::testing::ContainsRegex("65.5 ms to +131 ms +29  ████"));
  EXPECT_THAT(text, HasSubstr("Lines are a sample: 20 shown, 9 were beyond "
                              "--max-events-per-s 1000. The totals count all."));
  EXPECT_THAT(text, HasSubstr("1 shorter than --min were counted and not shown."));
  EXPECT_THAT(text, HasSubstr("these causes are not told: cgroup_throttle."));
}

TEST_F(TraceFormats, TheSummaryOfNothing) {
  TraceSummary summary;
  summary.duration_ns = 1'500 * kMs;
  summary.command_status = "exit status 3";
  const auto text = trace_summary_text(sample_setup(), summary);
  EXPECT_THAT(text, HasSubstr("No stall in 1.50 s (by tracepoint)."));
  EXPECT_THAT(text, HasSubstr("The command ended: exit status 3."));
}

TEST_F(TraceFormats, WhatWasLostIsSaid) {
  auto summary = sample_summary();
  summary.lines.dropped = 7;
  summary.lost = 5;
  summary.processes_lost = 2;
  const auto text = trace_summary_text(sample_setup(), summary);
  EXPECT_THAT(text, HasSubstr("7 lines were dropped"));
  EXPECT_THAT(text, HasSubstr("5 waits could not be followed"));
  EXPECT_THAT(text, HasSubstr("2 processes of the command could not be followed"));
}

TEST_F(TraceFormats, JsonTellsAStallInALine) {
  const auto line = make_trace_formatter(TraceFormat::json)->line(sample_stall());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  const auto json = nlohmann::json::parse(line);
  EXPECT_EQ(json["type"], "stall");
  EXPECT_EQ(json["began_at"], "2023-11-15T12:00:00.123456789Z");
  EXPECT_EQ(json["comm"], "worker \"7\"");
  EXPECT_EQ(json["pid"], 12);
  EXPECT_EQ(json["tid"], 34);
  EXPECT_EQ(json["local"]["address"], "192.0.2.1");
  EXPECT_EQ(json["peer"]["port"], 51234);
  EXPECT_EQ(json["duration_ns"], 204 * kMs);
  EXPECT_EQ(json["cause"], "sndbuf_full");
  EXPECT_EQ(json["sub_cause"], "peer_window");
  EXPECT_EQ(json["by_cause_ns"]["mem_shortage/cgroup"], 4 * kMs);
  EXPECT_EQ(json["window_bytes"], 0);
  EXPECT_FALSE(json["open"]);
}

TEST_F(TraceFormats, JsonsUnknownIsNull) {
  auto stall = sample_stall();
  stall.cause = {Cause::unknown, std::nullopt};
  stall.run_queue_ns.reset();
  stall.thread.comm = "\xff\xfe";
  const auto json = nlohmann::json::parse(make_trace_json()->line(stall));
  EXPECT_TRUE(json["sub_cause"].is_null());
  EXPECT_TRUE(json["run_queue_ns"].is_null());
}

TEST_F(TraceFormats, JsonsSummaryHoldsTheTotals) {
  const auto formatter = make_trace_json();
  const auto head = nlohmann::json::parse(formatter->head(sample_setup()));
  EXPECT_EQ(head["schema"], "netstall/trace/1");
  EXPECT_EQ(head["backend"], "tracepoint");
  EXPECT_EQ(head["cannot_tell"], nlohmann::json({"cgroup_throttle"}));
  auto summary = sample_summary();
  summary.by_process.push_back({0, "", kShortage, {}, {}});
  const auto tail = nlohmann::json::parse(formatter->tail(sample_setup(), summary));
  EXPECT_EQ(tail["stalls"], 30);
  EXPECT_EQ(tail["by_cause"][0]["p50_ns"].get<std::uint64_t>() / kMs, 100);
  EXPECT_TRUE(tail["by_cause"][0]["p99_ns"].is_null());
  EXPECT_EQ(tail["by_process"][0]["pid"], 12);
  EXPECT_EQ(tail["by_process"][0]["stalls_by_log2_us"].size(), 18U);
  EXPECT_TRUE(tail["by_process"][1]["pid"].is_null());
  EXPECT_EQ(tail["lines"]["over_rate"], 9);
  EXPECT_TRUE(tail["command_status"].is_null());
}

}  // namespace
}  // namespace netstall
