#include "model/report_json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>
#include <regex>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/environment_json.hpp"
#include "model/testdata/sample_report.hpp"

namespace netstall {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

TEST(ReportJson, RepetitionOnOneLineComesBackWhole) {
  for (const auto& repetition : {measured_repetition(), skipped_repetition(), Repetition{}}) {
    const auto line = to_json_line(repetition);
    EXPECT_EQ(line.find('\n'), std::string::npos);
    EXPECT_EQ(to_json_line(repetition_from_json_line(line)), line);
  }
  const auto back = repetition_from_json_line(to_json_line(measured_repetition()));
  EXPECT_EQ(back.cell, 1U);
  EXPECT_EQ(back.index, 2U);
  EXPECT_EQ(back.order, 5U);
  EXPECT_EQ(back.status, Status::ok);
  EXPECT_FALSE(back.reason);
  EXPECT_EQ(back.duration_ns, 4'321'000'000);
  ASSERT_EQ(back.flows.size(), 1U);
  const auto& flow = back.flows[0];
  EXPECT_EQ(flow.connections_established, 99U);
  EXPECT_EQ(flow.connections_failed.at("ECONNRESET"), 1U);
  EXPECT_EQ(flow.sndbuf.requested, 65536U);
  EXPECT_EQ(flow.sndbuf.final->count(), 99U);
  EXPECT_EQ(flow.rcvbuf.requested, std::nullopt);
  EXPECT_EQ(flow.goodput_bytes_per_s, 6.4e6 / 3);
  EXPECT_EQ(flow.send_call->max(), 17'000'003U);
  EXPECT_EQ(*flow.send_call, *measured_flow().send_call);
  EXPECT_FALSE(flow.acked_latency);
  EXPECT_TRUE(flow.delivery_latency->empty());
  EXPECT_TRUE(flow.stalls->run_queue_known);
  EXPECT_EQ(flow.stalls->total.count, 1012U);
  EXPECT_EQ(flow.stalls->total.run_queue_ns, 1012U * 5000);
  EXPECT_EQ(flow.stalls->by_cause.at(Cause::mem_shortage)->open_at_end, 2U);
  EXPECT_FALSE(flow.own_clock->run_queue_known);
  EXPECT_FALSE(flow.own_clock->by_cause.at(Cause::sndbuf_full));
  EXPECT_FALSE(flow.own_clock->total.wait);
  EXPECT_EQ(back.probes.cost_interval_ns, 100'000'000U);
  EXPECT_EQ(back.client.counters.at("Tcp.OutSegs"), -1);
  EXPECT_EQ(back.server.gauges.at("TCP.mem"), (std::pair<std::int64_t, std::int64_t>(17, 1024)));
  EXPECT_THAT(back.series.tcp_mem_pages, ElementsAre(17, std::nullopt));
  EXPECT_THAT(back.series.goodput_bytes_per_s, ElementsAre(6.5e6, 0.1));
  ASSERT_EQ(back.expectations.size(), 3U);
  EXPECT_EQ(back.expectations[0].expectation.quantity, Quantity::duration);
  EXPECT_EQ(back.expectations[0].observed, 9.5e6);
  EXPECT_EQ(back.expectations[1].expectation.flow, "");
  EXPECT_EQ(back.expectations[1].reason, "not measured");
  EXPECT_THAT(back.expectations[2].expectation.against,
              ElementsAre(testing::Pair("sndbuf", "absent")));
  EXPECT_EQ(back.expectations[2].against_cell, "sndbuf=absent");
  EXPECT_EQ(back.expectations[2].against_observed, 8e6);
  EXPECT_TRUE(back.restored);
}

TEST(ReportJson, ReportComesBackWhole) {
  const auto report = sample_report();
  const auto text = to_json(report);
  const auto back = report_from_json(text);
  EXPECT_EQ(to_json(back), text);
  EXPECT_EQ(back.environment, report.environment);
  EXPECT_EQ(back.scenario_json, report.scenario_json);
  EXPECT_EQ(back.scenario_hash, report.scenario_hash);
  EXPECT_EQ(back.seed, report.seed);
  EXPECT_EQ(back.tool.revision, "abc1234-dirty");
  ASSERT_EQ(back.cells.size(), 2U);
  EXPECT_EQ(back.cells[1].parameters, report.cells[1].parameters);
  EXPECT_EQ(back.cells[0].expectations.size(), 3U);
  EXPECT_EQ(back.command, report.command);
  ASSERT_TRUE(back.selection);
  EXPECT_THAT(back.selection->indices, ElementsAre(0U, 2U));
  EXPECT_EQ(back.selection->of, 3U);
  const auto nothing = to_json(Report{});
  EXPECT_EQ(to_json(report_from_json(nothing)), nothing);
}

// The names of the outer contract: other tools read them.
TEST(ReportJson, WritesTheNamesOfTheContract) {
  const auto report = json::parse(to_json(sample_report()));
  EXPECT_EQ(report["schema"], "netstall/report/1");
  EXPECT_EQ(report["kind"], "run");
  EXPECT_EQ(report["scenario"]["name"], "sample");
  const auto& repetition = report["cells"][0]["repetitions"][0];
  for (const auto* key :
       {"index", "order", "status", "reason", "started_at", "duration_ns", "flows", "stalls",
        "probes", "kernel", "series", "expectations", "restored"}) {
    EXPECT_TRUE(repetition.contains(key)) << key;
  }
  const auto& flow = repetition["flows"][0];
  for (const auto* key : {"name", "connections", "socket", "goodput_bytes_per_s", "messages",
                          "send_call_ns", "send_latency_ns", "acked_latency_ns",
                          "delivery_latency_ns", "connect_ns", "own_clock", "stalls"}) {
    EXPECT_TRUE(flow.contains(key)) << key;
  }
  EXPECT_EQ(
      flow["connections"],
      json::parse(
          R"({"requested": 100, "established": 99, "failed": {"ECONNRESET": 1}, "alive": 97})"));
  EXPECT_EQ(flow["socket"]["sndbuf"]["requested"], 65536);
  EXPECT_EQ(flow["socket"]["sndbuf"]["final"]["count"], 99);
  EXPECT_EQ(flow["socket"]["rcvbuf"]["requested"], nullptr);
  EXPECT_EQ(flow["acked_latency_ns"], nullptr);
  const auto& stalls = flow["stalls"];
  for (const auto* key :
       {"count", "waits", "time_ns", "duration_ns", "wait_ns", "open_at_start", "open_at_end"}) {
    EXPECT_TRUE(stalls["total"].contains(key)) << key;
    EXPECT_TRUE(stalls["by_cause"]["sndbuf_full"].contains(key)) << key;
  }
  EXPECT_EQ(flow["own_clock"]["by_cause"]["mem_shortage"], nullptr);
  EXPECT_EQ(flow["own_clock"]["total"]["wait_ns"], nullptr);
  EXPECT_EQ(flow["own_clock"]["total"]["run_queue_ns"], nullptr);
  EXPECT_EQ(repetition["probes"]["cost"],
            json::parse(R"({"runs": 12, "time_ns": 3456, "interval_ns": 100000000})"));
  EXPECT_EQ(repetition["probes"]["missing"]["fentry"], "loading it gives EPERM");
  EXPECT_EQ(repetition["kernel"]["server"]["gauges"]["TCP.mem"],
            json::parse(R"({"start": 17, "end": 1024})"));
  EXPECT_EQ(repetition["series"]["tcp_mem_pages"], json::parse("[17, null]"));
  EXPECT_EQ(repetition["expectations"][0]["observed"], 9.5e6);
  EXPECT_EQ(report["cells"][1]["repetitions"][0]["status"], "skipped");
}

TEST(ReportJson, PercentilesWithFewEventsBeyondThemAreNull) {
  const auto flow = json::parse(to_json_line(measured_repetition()))["flows"][0];
  const auto& call = flow["send_call_ns"];  // 100,010 events: 100 lie beyond p999
  EXPECT_EQ(call["count"], 100'010);
  EXPECT_EQ(call["p999"], 379);
  EXPECT_EQ(call["max"], 17'000'003);
  EXPECT_EQ(call["min"], 379);
  const auto& latency = flow["send_latency_ns"];  // nine events
  for (const auto* percentile : {"p50", "p90", "p99", "p999"})
    EXPECT_EQ(latency[percentile], nullptr) << percentile;
  EXPECT_EQ(latency["min"], 1000);
  EXPECT_NEAR(latency["mean"].get<double>(), 1000, 1);
  const auto& empty = flow["delivery_latency_ns"];
  EXPECT_EQ(empty["count"], 0);
  for (const auto* key : {"min", "mean", "p50", "p99", "max"})
    EXPECT_EQ(empty[key], nullptr) << key;
  EXPECT_TRUE(empty["hdr"].is_string());
}

TEST(ReportJson, WhatIsNotFiniteIsNull) {
  auto repetition = measured_repetition();
  repetition.flows[0].goodput_bytes_per_s = std::nan("");
  repetition.series.goodput_bytes_per_s = {std::numeric_limits<double>::infinity(), 1.0};
  repetition.expectations[0].observed = -std::numeric_limits<double>::infinity();
  const auto line = to_json_line(repetition);
  const auto read = json::parse(line);
  EXPECT_EQ(read["flows"][0]["goodput_bytes_per_s"], nullptr);
  EXPECT_EQ(read["series"]["goodput_bytes_per_s"], json::parse("[null, 1]"));
  EXPECT_EQ(read["expectations"][0]["observed"], nullptr);
  EXPECT_FALSE(repetition_from_json_line(line).flows[0].goodput_bytes_per_s);
}

TEST(ReportJson, KeepsValuesBeyondTheHistogramsRange) {
  auto repetition = measured_repetition();
  repetition.flows[0].send_call =
      histogram_of({{std::numeric_limits<std::uint64_t>::max(), 3}, {1, 1}});
  const auto back = repetition_from_json_line(to_json_line(repetition));
  EXPECT_EQ(back.flows[0].send_call->saturated(), 3U);
  EXPECT_EQ(back.flows[0].send_call->max(), repetition.flows[0].send_call->max());
}

TEST(ReportJson, RandomHistogramsComeBackWhole) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 50; ++i) {
    Histogram histogram;
    for (auto events = random() % 2000; events > 0; --events)
      histogram.record(random() >> (random() % 64));
    auto repetition = measured_repetition();
    repetition.flows[0].send_call = histogram;
    const auto line = to_json_line(repetition);
    const auto back = repetition_from_json_line(line);
    ASSERT_EQ(*back.flows[0].send_call, histogram);
    ASSERT_EQ(back.flows[0].send_call->min(), histogram.min());
    ASSERT_EQ(back.flows[0].send_call->max(), histogram.max());
    ASSERT_EQ(to_json_line(back), line);
  }
}

TEST(ReportJson, BrokenUtf8IsMended) {
  auto report = sample_report();
  report.environment["kernel.command_line"] = "quiet \xff";
  report.cells[0].repetitions[0].reason = "\x80";
  EXPECT_EQ(json::parse(to_json(report))["environment"]["kernel"]["command_line"],
            "quiet \xef\xbf\xbd");
}

TEST(ReportJson, EnvironmentNestsAndComesBack) {
  const Environment environment{
      {"a", "1"}, {"a.b", "2"}, {"c.d", "3"}, {"c.d.e", "4"}, {"c.f.g.h", "5"}, {"c.f.g.i", "6"},
      {"", "7"},  {".", "8"},   {"x.", "9"},  {".y", "10"},   {"c..z", "11"},   {"l.m.n.o", "12"}};
  EXPECT_EQ(
      nested(environment).dump(),
      R"({"":"7",".":"8",".y":"10","a":"1","a.b":"2","c":{"":{"z":"11"},"d":"3","d.e":"4","f":{"g.h":"5","g.i":"6"}},)"
      R"("l":{"m":{"n.o":"12"}},"x":{"":"9"}})");
  EXPECT_EQ(flattened(json::parse(nested(environment).dump())), environment);
}

TEST(ReportJson, TextIsForPeopleToo) {
  const auto text = to_json(sample_report());
  EXPECT_THAT(text, HasSubstr("\n  \"tool\": { \"version\": \"0.1.0\", "));
  EXPECT_THAT(text, HasSubstr("\"t_ns\": [0, 100000000]"));
  EXPECT_TRUE(text.ends_with("]\n}\n"));
}

TEST(ReportJson, RefusesToWriteAScenarioThatIsNone) {
  auto report = sample_report();
  report.scenario_json = "{";
  EXPECT_THROW(to_json(report), Error);
}

// How zlib packs a histogram may differ between its versions.
std::string without_packed_histograms(const std::string& text) {
  return std::regex_replace(text, std::regex(R"re("hdr": "[^"]*")re"), R"("hdr": "...")");
}

// The committed file is what the JSON Schema is checked against.
TEST(ReportJson, GoldenReportIsWhatIsWritten) {
  const auto golden = read_file(std::string(NETSTALL_SOURCE_DIR) + "/model/testdata/report.json");
  const auto written = to_json(sample_report());
  EXPECT_EQ(without_packed_histograms(golden), without_packed_histograms(written))
      << "If the change is meant, put this into model/testdata/report.json:\n"
      << written;
  EXPECT_EQ(to_json(report_from_json(golden)), written);
}

}  // namespace
}  // namespace netstall
