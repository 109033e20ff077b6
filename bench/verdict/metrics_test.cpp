#include "bench/verdict/metrics.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "bench/verdict/metrics_rows.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::Optional;

Histogram histogram_of(std::initializer_list<std::uint64_t> values, std::uint64_t times = 1) {
  Histogram histogram;
  for (const auto value : values) histogram.record(value, times);
  return histogram;
}

StallCount stalls_of(std::uint64_t count, std::uint64_t each_ns) {
  StallCount stalls;
  stalls.count = count;
  stalls.waits = 2 * count;
  stalls.time_ns = count * each_ns;
  if (count > 0) stalls.duration.record(each_ns, count);
  stalls.wait.emplace();
  if (count > 0) stalls.wait->record(each_ns / 2, 2 * count);
  return stalls;
}

// Ten connections over two seconds; 2000 stalls of 1 ms, all for want of memory.
Repetition repetition_with_stalls() {
  Repetition repetition;
  repetition.status = Status::ok;
  repetition.window_ns = 2'000'000'000;
  FlowResult flow;
  flow.name = "slow";
  flow.connections_established = 10;
  flow.goodput_bytes_per_s = 5e6;
  flow.messages = 300;
  flow.stalls.emplace();
  flow.stalls->total = stalls_of(2000, 1'000'000);
  flow.stalls->by_cause[Cause::mem_shortage] = stalls_of(2000, 1'000'000);
  flow.stalls->by_cause[Cause::sndbuf_full] = StallCount{};
  flow.stalls->by_cause[Cause::unknown] = std::nullopt;
  repetition.stalls = flow.stalls;
  repetition.flows.push_back(flow);
  return repetition;
}

TEST(Metrics, NamesAreUniqueAndRowsComplete) {
  std::set<std::string> names;
  std::size_t gating = 0;
  for (const auto& metric : metrics()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_GT(metric.resolution, 0) << metric.name;
    EXPECT_GT(metric.smallest_absolute, 0) << metric.name;
    EXPECT_TRUE(metric.smallest_relative > 0 || metric.yes_no) << metric.name;
    EXPECT_TRUE(metric.meaning.ends_with('.') || metric.meaning.ends_with(')')) << metric.name;
    EXPECT_TRUE(metric.read) << metric.name;
    EXPECT_EQ(find_metric(metric.name), &metric);
    gating += metric.role == Role::gating ? 1 : 0;
  }
  EXPECT_EQ(gating, 6U);
}

TEST(Metrics, UnknownNameHasANearestOne) {
  EXPECT_EQ(find_metric("stall.p98"), nullptr);
  EXPECT_EQ(nearest_metric("stal.p99"), "stall.p99");
  EXPECT_EQ(nearest_metric("stall.mem_shortge.p99"), "stall.mem_shortage.p99");
  EXPECT_EQ(nearest_metric("weather"), "");
}

TEST(Metrics, StallsOfAFlowAndOfOneCause) {
  const auto repetition = repetition_with_stalls();
  EXPECT_THAT(metric_value(repetition, "slow", "stall.count"), Optional(2000.0));
  EXPECT_THAT(metric_value(repetition, "slow", "stall.occurrence"), Optional(1.0));
  EXPECT_THAT(metric_value(repetition, "slow", "stall.rate"), Optional(100.0));
  // 2000 ms over 10 connections and 2 seconds.
  EXPECT_THAT(metric_value(repetition, "slow", "stall.time"), Optional(1e8));
  EXPECT_THAT(metric_value(repetition, "slow", "stall.p99"),
              Optional(testing::DoubleNear(1e6, 1e3)));
  EXPECT_THAT(metric_value(repetition, "slow", "stall.waits"), Optional(4000.0));
  EXPECT_THAT(metric_value(repetition, "slow", "stall.wait_max"),
              Optional(testing::DoubleNear(5e5, 5e2)));
  EXPECT_THAT(metric_value(repetition, "slow", "stall.mem_shortage.count"), Optional(2000.0));
  EXPECT_THAT(metric_value(repetition, "", "stall.count"), Optional(2000.0));
}

// 2000 stalls of 1 ms, and one longer, in a window of 2 s.
TEST(Metrics, PercentilesOfDurationsAreLowerBoundsWhereTheWindowCutMuch) {
  auto repetition = repetition_with_stalls();
  auto& total = repetition.flows[0].stalls->total;
  const auto bounded = [&repetition](const char* name) {
    RepetitionView view(repetition, "slow");
    return read_metric(*find_metric(name), view).lower_bound;
  };
  total.open_at_start = 100;
  total.open_at_end = 100;
  EXPECT_FALSE(bounded("stall.p99"));
  EXPECT_FALSE(bounded("stall.max"));
  total.open_at_end = 101;
  EXPECT_TRUE(bounded("stall.p50"));
  EXPECT_TRUE(bounded("stall.max"));
  EXPECT_FALSE(bounded("stall.time"));  // a total counts what lies within, and is right
  // Few are cut, but the longest might be one of them.
  total.open_at_start = 1;
  total.open_at_end = 0;
  total.duration.record(201'000'000);
  EXPECT_FALSE(bounded("stall.p99"));
  EXPECT_TRUE(bounded("stall.max"));
  total.open_at_start = 0;
  EXPECT_FALSE(bounded("stall.max"));
}

TEST(Metrics, OfAPercentileThatCannotBeToldAndIsCutOnlyTheLeastIsKnown) {
  Histogram few;
  few.record(1'000'000, 5);
  EXPECT_TRUE(read_cut_percentile(few, 99, 0, 2).at_most);
  const auto cut = read_cut_percentile(few, 99, 1, 2);
  EXPECT_TRUE(cut.at_least);
  EXPECT_EQ(cut.at_most, std::nullopt);
}

TEST(Metrics, MeasuredAndNeverHappenedIsZero) {
  const auto repetition = repetition_with_stalls();
  for (const char* name : {"count", "occurrence", "time", "p50", "p99", "p999", "max"}) {
    EXPECT_THAT(metric_value(repetition, "slow", std::string("stall.sndbuf_full.") + name),
                Optional(0.0))
        << name;
  }
}

TEST(Metrics, NotMeasuredIsAbsentAndSaysWhy) {
  auto repetition = repetition_with_stalls();
  EXPECT_EQ(metric_value(repetition, "slow", "stall.unknown.count"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "slow", "own_clock.count"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "slow", "stall.run_queue"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "fast", "stall.count"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "slow", "send_latency.p99"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "pressure.time"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "slow", "no.such.metric"), std::nullopt);

  repetition.flows[0].stalls.reset();
  RepetitionView view(repetition, "slow");
  const auto reading = read_metric(*find_metric("stall.p99"), view);
  EXPECT_FALSE(reading.value);
  EXPECT_FALSE(reading.at_most);
  EXPECT_EQ(reading.why_absent, "no probe measured stalls");
}

TEST(Metrics, OfDatagramsAreThoseOfTheFlowGroupsThatHaveAny) {
  auto repetition = repetition_with_stalls();
  EXPECT_EQ(metric_value(repetition, "", "datagrams.lost"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "udp.rcvbuf_errors"), std::nullopt);
  FlowResult udp;
  udp.name = "udp";
  udp.datagrams = DatagramCounts{1000, 700, 50, 250, 9, 3, 690};
  repetition.flows.push_back(udp);
  udp.name = "more";
  udp.datagrams = DatagramCounts{1000, 1000, 0, 0, 0, 0, 1000};
  repetition.flows.push_back(udp);
  EXPECT_EQ(metric_value(repetition, "slow", "datagrams.lost"), std::nullopt);
  EXPECT_THAT(metric_value(repetition, "udp", "datagrams.sent"), Optional(1000.0));
  EXPECT_THAT(metric_value(repetition, "udp", "datagrams.unread"), Optional(50.0));
  EXPECT_THAT(metric_value(repetition, "udp", "datagrams.loss"), Optional(0.25));
  EXPECT_THAT(metric_value(repetition, "more", "datagrams.loss"), Optional(0.0));
  EXPECT_THAT(metric_value(repetition, "", "datagrams.loss"), Optional(0.125));
  EXPECT_THAT(metric_value(repetition, "", "datagrams.received"), Optional(1700.0));
  EXPECT_THAT(metric_value(repetition, "", "datagrams.delivered"), Optional(1690.0));
  repetition.flows[2].datagrams = DatagramCounts{};
  EXPECT_EQ(metric_value(repetition, "more", "datagrams.loss"), std::nullopt);

  repetition.client.gauges["UDP.inuse"] = {0, 0};
  repetition.server.counters = {
      {"Udp.RcvbufErrors", 7}, {"Udp6.RcvbufErrors", 5}, {"Udp.MemErrors", 3}};
  EXPECT_THAT(metric_value(repetition, "", "udp.rcvbuf_errors"), Optional(12.0));
  EXPECT_THAT(metric_value(repetition, "", "udp.mem_errors"), Optional(3.0));
  EXPECT_THAT(metric_value(repetition, "", "udp.sndbuf_errors"), Optional(0.0));
}

TEST(Metrics, NoConnectionIsNoMeasurementOfStalls) {
  auto repetition = repetition_with_stalls();
  repetition.flows[0].connections_established = 0;
  repetition.flows[0].stalls->total = {};
  EXPECT_EQ(metric_value(repetition, "slow", "stall.count"), std::nullopt);
  EXPECT_THAT(metric_value(repetition, "slow", "connections.established"), Optional(0.0));
}

TEST(Metrics, PercentileOfFewEventsIsAbsentButBounded) {
  auto repetition = repetition_with_stalls();
  auto& total = repetition.flows[0].stalls->total;
  total.count = 3;
  total.duration = histogram_of({1000, 2000, 5000});
  RepetitionView view(repetition, "slow");
  const auto reading = read_metric(*find_metric("stall.p99"), view);
  EXPECT_FALSE(reading.value);
  EXPECT_THAT(reading.at_least, Optional(1000.0));
  EXPECT_THAT(reading.at_most, Optional(testing::DoubleNear(5000, 5)));
  EXPECT_THAT(reading.why_absent, HasSubstr("fewer than ten"));
  EXPECT_TRUE(read_metric(*find_metric("stall.max"), view).value);
}

TEST(Metrics, LatencyOfNoEventIsAbsentNotZero) {
  auto repetition = repetition_with_stalls();
  repetition.flows[0].send_latency.emplace();
  EXPECT_EQ(metric_value(repetition, "slow", "send_latency.p99"), std::nullopt);
  repetition.flows[0].send_latency = histogram_of({5000}, 2000);
  EXPECT_THAT(metric_value(repetition, "slow", "send_latency.p99"),
              Optional(testing::DoubleNear(5000, 5)));
}

TEST(Metrics, WholeAddsFlowsUpAndLacksWhatOneLacks) {
  auto repetition = repetition_with_stalls();
  FlowResult fast = repetition.flows[0];
  fast.name = "fast";
  fast.goodput_bytes_per_s = 1e6;
  fast.own_clock = fast.stalls;
  fast.send_call = histogram_of({1000}, 3000);
  repetition.flows.push_back(fast);
  EXPECT_THAT(metric_value(repetition, "", "goodput"), Optional(6e6));
  EXPECT_THAT(metric_value(repetition, "", "messages.rate"), Optional(300.0));
  EXPECT_THAT(metric_value(repetition, "", "connections.established"), Optional(20.0));
  EXPECT_EQ(metric_value(repetition, "", "own_clock.count"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "send_call.p50"), std::nullopt);

  repetition.flows[0].own_clock = fast.own_clock;
  repetition.flows[0].send_call = histogram_of({9000}, 1000);
  EXPECT_THAT(metric_value(repetition, "", "own_clock.count"), Optional(4000.0));
  // Of 4000 calls 3000 took 1000 ns.
  EXPECT_THAT(metric_value(repetition, "", "send_call.p50"), Optional(1000.0));
  EXPECT_THAT(metric_value(repetition, "", "send_call.p90"),
              Optional(testing::DoubleNear(9000, 9)));

  repetition.flows[1].goodput_bytes_per_s.reset();
  EXPECT_EQ(metric_value(repetition, "", "goodput"), std::nullopt);
}

TEST(Metrics, KernelCountersAreOfTheWholeAndAddPlaces) {
  auto repetition = repetition_with_stalls();
  repetition.client.gauges["Tcp.CurrEstab"] = {1, 1};
  repetition.server.counters["Tcp.RetransSegs"] = 7;
  EXPECT_THAT(metric_value(repetition, "", "retransmits"), Optional(7.0));
  EXPECT_EQ(metric_value(repetition, "slow", "retransmits"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "pressure.time"), std::nullopt);  // no host counters
  repetition.host.counters["TcpExt.TCPMemoryPressuresChrono"] = 12;
  repetition.server.counters["TcpExt.TCPMemoryPressuresChrono"] = 30;
  EXPECT_THAT(metric_value(repetition, "", "pressure.time"), Optional(42e6));
}

TEST(Metrics, PeaksOfSeriesSkipWhatWasNotSampled) {
  auto repetition = repetition_with_stalls();
  EXPECT_EQ(metric_value(repetition, "", "tcp_mem.peak"), std::nullopt);
  repetition.series.tcp_mem_pages = {10, std::nullopt, 700, 30};
  EXPECT_THAT(metric_value(repetition, "", "tcp_mem.peak"), Optional(700.0));
}

ProbeFinding events_of(const std::string& place, std::map<std::string, std::uint64_t> kinds) {
  ProbeFinding finding;
  finding.backend = "tracepoint";
  finding.events[place] = std::move(kinds);
  return finding;
}

TEST(Metrics, EventsOfProbesAreOfTheirPlaces) {
  auto repetition = repetition_with_stalls();
  repetition.findings["retransmits"] = events_of("slow", {{"loss", 3}, {"recovery", 20}});
  repetition.findings["retransmits"]->events["fast"] = {{"loss", 4}, {"recovery", 0}};
  auto drops = events_of("client", {{"PROTO_MEM", 7}, {"NOT_SPECIFIED", 2}});
  drops.events["server"] = {{"SOCKET_RCVBUFF", 1}};
  repetition.findings["drops"] = drops;
  repetition.findings["qdisc_drops"] = std::nullopt;
  EXPECT_EQ(metric_value(repetition, "slow", "retransmits.timeout"), 3);
  EXPECT_EQ(metric_value(repetition, "", "retransmits.timeout"), 7);
  EXPECT_EQ(metric_value(repetition, "", "drops.count"), 10);
  EXPECT_EQ(metric_value(repetition, "", "drops.memory"), 8);
  EXPECT_EQ(metric_value(repetition, "slow", "drops.count"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "qdisc_drops.count"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "napi_squeeze.count"), std::nullopt);
}

// A counter of a namespace knows neither flow groups nor states.
TEST(Metrics, WhatABackendDoesNotTellIsAbsent) {
  auto repetition = repetition_with_stalls();
  repetition.findings["retransmits"] = events_of("client", {{"segments", 3}});
  EXPECT_EQ(metric_value(repetition, "slow", "retransmits.timeout"), std::nullopt);
  EXPECT_EQ(metric_value(repetition, "", "retransmits.timeout"), std::nullopt);
  repetition.findings["zero_window"] = events_of("client", {{"shut", 3}});
  EXPECT_EQ(metric_value(repetition, "", "zero_window.time"), std::nullopt);
}

TEST(Metrics, SpellsOfProbesAreAddedUpAndNoneIsZero) {
  auto repetition = repetition_with_stalls();
  repetition.window_ns = 2'000'000'000;
  ProbeFinding finding;
  SpellCount spells;
  spells.count = 2;
  spells.time_ns = 300;
  spells.duration.record(100);
  spells.duration.record(200);
  finding.spells["client"]["delay"] = spells;
  finding.spells["server"]["delay"] = SpellCount{};
  repetition.findings["run_queue"] = finding;
  EXPECT_EQ(metric_value(repetition, "", "run_queue.time"), 150);
  EXPECT_EQ(metric_value(repetition, "", "run_queue.max"), 200);
  EXPECT_EQ(metric_value(repetition, "", "run_queue.p99"), std::nullopt);
  finding.spells["client"]["delay"] = SpellCount{};
  repetition.findings["run_queue"] = finding;
  EXPECT_EQ(metric_value(repetition, "", "run_queue.p99"), 0);
  EXPECT_EQ(metric_value(repetition, "", "run_queue.max"), 0);
}

TEST(Metrics, FigureThatIsNoNumberIsNoMeasurement) {
  auto repetition = repetition_with_stalls();
  repetition.flows[0].goodput_bytes_per_s = std::nan("");
  EXPECT_EQ(metric_value(repetition, "slow", "goodput"), std::nullopt);
}

TEST(Metrics, HumanValues) {
  EXPECT_EQ(human_value(Unit::ns, 204e6), "204 ms");
  EXPECT_EQ(human_value(Unit::ns, -2e6), "-2 ms");
  EXPECT_EQ(human_value(Unit::per_s, 200), "200/s");
  EXPECT_EQ(human_value(Unit::one, 0.25), "0.25");
  EXPECT_EQ(human_value(Unit::per_s, 0.00123), "0.00123/s");
}

TEST(Metrics, DocumentIsMadeFromTheCatalogue) {
  const std::string path = NETSTALL_SOURCE_DIR "/docs/metrics.md";
  if (std::getenv("NETSTALL_WRITE_DOCS") != nullptr) std::ofstream(path) << metrics_markdown();
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), metrics_markdown())
      << "write it again: NETSTALL_WRITE_DOCS=1 verdict_unit_test --gtest_filter=Metrics.Document*";
}

TEST(Metrics, DocumentNamesEveryMetric) {
  const auto text = metrics_markdown();
  for (const auto& metric : metrics()) {
    std::string name = metric.name;
    for (const auto cause : Names<Cause>::list) {
      const auto at = name.find("." + std::string(cause) + ".");
      if (at != std::string::npos) name.erase(at, cause.size() + 1);
    }
    EXPECT_THAT(text, HasSubstr("| `" + name + "` |"));
  }
}

}  // namespace
}  // namespace netstall
