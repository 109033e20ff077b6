#include "bench/report/summary.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "bench/report/checks.hpp"
#include "bench/report/markup.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::Not;

Stalls stalls(Cause cause, std::uint64_t duration_ns, std::uint64_t count) {
  StallCount counted;
  counted.count = count;
  counted.waits = count;
  counted.time_ns = duration_ns * count;
  counted.duration.record(duration_ns, count);
  counted.wait = counted.duration;
  Stalls all;
  all.total = counted;
  all.by_cause[cause] = counted;
  return all;
}

Repetition repetition(const Stalls& by_probe) {
  Repetition result;
  result.status = Status::ok;
  result.window_ns = 1'000'000'000;
  result.probes.backend = "tracepoint";
  FlowResult flow;
  flow.name = "slow";
  flow.connections_requested = flow.connections_established = 10;
  flow.goodput_bytes_per_s = 1e6;
  flow.stalls = by_probe;
  flow.own_clock = by_probe;
  result.flows = {flow};
  return result;
}

TEST(Summary, LeadsWithTheLongestStallItsCauseAndItsCell) {
  Report report;
  report.cells = {
      {"readers=fast", {}, {repetition(stalls(Cause::sndbuf_full, 5'000'000, 3))}, {}},
      {"readers=slow", {}, {repetition(stalls(Cause::mem_shortage, 204'000'000, 20))}, {}}};
  const auto text = summarize(report, {});
  const auto first = text.substr(0, text.find('\n'));
  EXPECT_THAT(first, HasSubstr("204 ms"));
  EXPECT_THAT(first, HasSubstr("mem_shortage"));
  EXPECT_THAT(first, HasSubstr("readers=slow"));
  EXPECT_THAT(text, HasSubstr("tracepoint"));
  EXPECT_THAT(text, Not(HasSubstr("\x1b[")));
}

TEST(Summary, SaysWhatItsPercentilesAreOf) {
  auto measured = repetition(stalls(Cause::sndbuf_full, 100'000'000, 50));
  Report report;
  report.cells = {{"base", {}, {measured}, {}}};
  EXPECT_THAT(summarize(report, {}), Not(HasSubstr("together")));
  EXPECT_THAT(summarize(report, {}), Not(HasSubstr("cut")));
  measured.flows[0].stalls->total.open_at_start = 3;
  measured.flows[0].stalls->total.open_at_end = 3;
  report.cells[0].repetitions = {measured, measured};
  const auto text = summarize(report, {});
  EXPECT_THAT(text, HasSubstr("Percentiles are of the stalls of all good repetitions together."));
  EXPECT_THAT(text, HasSubstr("cut more than a tenth of the stalls of slow in base: their"));
}

TEST(Summary, BlockedIsOfTheTimeOfAllSendersOfAConnection) {
  // 10 connections in a window of 1 s; 50 stalls of 100 ms.
  auto measured = repetition(stalls(Cause::sndbuf_full, 100'000'000, 50));
  Report report;
  const auto text_of = [&](std::optional<std::uint64_t> senders) {
    measured.flows[0].senders_per_connection = senders;
    report.cells = {{"base", {}, {measured}, {}}};
    return summarize(report, {});
  };
  EXPECT_THAT(text_of(std::nullopt), HasSubstr("50.0 %"));
  EXPECT_THAT(text_of(1), HasSubstr("50.0 %"));
  EXPECT_THAT(text_of(2), HasSubstr("25.0 %"));
}

TEST(Summary, WithoutAReaderThereIsNoGoodput) {
  auto idle = repetition(Stalls{});
  idle.flows[0].goodput_bytes_per_s.reset();
  idle.flows[0].senders_per_connection = 0;
  Report report;
  report.cells = {{"base", {}, {idle}, {}}};
  EXPECT_THAT(summarize(report, {}), Not(HasSubstr("0 B")));
}

TEST(Summary, NoStallIsSaidAsSuchAndNotMeasuredIsNot) {
  Report report;
  report.cells = {{"base", {}, {repetition(Stalls{})}, {}}};
  EXPECT_THAT(summarize(report, {}), HasSubstr("No sender was blocked"));

  Repetition failed;
  failed.status = Status::failed;
  failed.reason = "client worker 0 ended: signal 9 (Killed)";
  report.cells[0].repetitions = {failed};
  const auto text = summarize(report, {});
  EXPECT_THAT(text, HasSubstr("No repetition was measured"));
  EXPECT_THAT(text, HasSubstr("signal 9"));
}

TEST(Summary, WithoutAProbeTheCauseIsNotTold) {
  auto measured = repetition(stalls(Cause::sndbuf_full, 5'000'000, 3));
  measured.probes.backend = "own_clock";
  for (auto& [cause, count] : measured.flows[0].stalls->by_cause) count.reset();
  Report report;
  report.cells = {{"base", {}, {measured}, {}}};
  const auto text = summarize(report, {});
  EXPECT_THAT(text, HasSubstr("cause not told"));
  EXPECT_THAT(text, Not(HasSubstr("sndbuf_full")));
}

TEST(Summary, OfDatagramsSaysWhatBecameOfThemAndHasTheirSendersOwnClocks) {
  auto measured = repetition(stalls(Cause::sndbuf_full, 30'000'000, 20));
  auto& flow = measured.flows[0];
  flow.stalls.reset();
  flow.own_clock->by_cause[Cause::sndbuf_full] = std::nullopt;
  flow.datagrams = DatagramCounts{4000, 2980, 20, 1000, 0, 0, 2980};
  Report report;
  report.cells = {{"base", {}, {measured, measured}, {}}};
  const auto text = summarize(report, {});
  EXPECT_THAT(text, HasSubstr("Longest stall: 30 ms (no probe: cause not told)"));
  EXPECT_THAT(text, HasSubstr("not told"));
  EXPECT_THAT(text, HasSubstr("8 k datagrams sent, 25 % lost, 0.5 % unread\n"));
  EXPECT_THAT(text, Not(HasSubstr("by eBPF")));
}

TEST(Summary, VerbosityAddsTheLongestStallsAndWhatProbesFound) {
  auto measured = repetition(stalls(Cause::sndbuf_full, 5'000'000, 3));
  Offender worst;
  worst.flow = "slow";
  worst.cause = Cause::sndbuf_full;
  worst.sub_cause = SubCause::peer_window;
  worst.duration_ns = 5'000'000;
  worst.open_at_end = true;
  worst.local = "10.78.0.2:5001";
  worst.remote = "10.78.0.1:40000";
  worst.stack = {"wait_woken", "sk_stream_wait_memory"};
  measured.worst_stalls = {worst};
  ProbeFinding drops;
  drops.backend = "tracepoint";
  drops.events["client"] = {{"PROTO_MEM", 12}, {"NOT_SPECIFIED", 0}};
  drops.lost_events = 2;
  measured.findings = {{"drops", drops}, {"qdisc_drops", std::nullopt}};
  Report report;
  report.cells = {{"base", {}, {measured}, {}}};
  EXPECT_THAT(summarize(report, {}), Not(HasSubstr("10.78.0.2")));
  const auto text = summarize(report, {.verbose = true});
  EXPECT_THAT(text, HasSubstr("5 ms+ 10.78.0.2:5001 → 10.78.0.1:40000, flow slow: sndbuf_full "
                              "(peer_window)"));
  EXPECT_THAT(text, HasSubstr("wait_woken < sk_stream_wait_memory"));
  EXPECT_THAT(text, HasSubstr("drops: client: 12 PROTO_MEM; 2 events were lost"));
  EXPECT_THAT(text, HasSubstr("qdisc_drops: not measured"));
}

TEST(Summary, LinesFitEightyColumns) {
  Report report;
  auto wide = stalls(Cause::mem_shortage, 204'000'000, 40);
  wide.total.duration.record(900);
  wide.total.duration.record(600'000'000'000);
  report.cells = {{"base", {}, {repetition(wide)}, {}}};
  report.cells[0].repetitions[0].probes.missing = {
      {"send_wait by fentry",
       "Operation not permitted (EPERM); prog 'on_wait': BPF program load "
       "failed: Operation not permitted"}};
  const auto text = summarize(report, {});
  std::size_t from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    const auto line = text.substr(from, end - from);
    EXPECT_LE(columns(line), 80U) << line;
    from = end + 1;
  }
}

TEST(Summary, DrawsStallsOfAllCellsOnOneAxis) {
  Report report;
  report.cells = {{"a", {}, {repetition(stalls(Cause::sndbuf_full, 5'000'000, 30))}, {}},
                  {"b", {}, {repetition(stalls(Cause::sndbuf_full, 500'000'000, 30))}, {}},
                  {"c", {}, {repetition(Stalls{})}, {}}};
  const auto text = summarize(report, {});
  // Two decades apart are 24 columns.
  EXPECT_THAT(text, HasSubstr("\n                 █\nb "));
  EXPECT_THAT(text, HasSubstr("\n                                         █\nc "));
  EXPECT_THAT(text, HasSubstr("         ╵1 ms       ╵10 ms      ╵100 ms\n"));
}

TEST(Checks, TextAndJsonSayTheSame) {
  const std::vector<Check> checks{
      {"btf", CheckResult::pass, "BTF is there", ""},
      {"descriptors", CheckResult::warn, "20000", "raise \"ulimit -n\""}};
  EXPECT_THAT(checks_text(checks, false), HasSubstr("→ raise \"ulimit -n\""));
  EXPECT_THAT(checks_json(checks), HasSubstr(R"("mend": "raise \"ulimit -n\"")"));
  EXPECT_THAT(checks_json(checks), HasSubstr(R"("mend": null)"));
}

}  // namespace
}  // namespace netstall
