// A report that has every field, for tests; model/testdata/report.json is its text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>

#include "model/report.hpp"

namespace netstall {

inline Histogram histogram_of(
    std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> values) {
  Histogram histogram;
  for (const auto& [value, count] : values) histogram.record(value, count);
  return histogram;
}

inline StallCount stalls_of(std::uint64_t count, std::uint64_t each_ns) {
  StallCount stalls;
  stalls.count = count;
  stalls.waits = 3 * count;
  stalls.time_ns = count * each_ns;
  stalls.run_queue_ns = 5000 * count;
  stalls.duration = histogram_of({{each_ns, count}});
  stalls.wait = histogram_of({{each_ns / 3, 3 * count}});
  return stalls;
}

inline Stalls all_causes() {
  Stalls stalls;
  stalls.run_queue_known = true;
  stalls.by_cause[Cause::unknown] = StallCount{};
  stalls.by_cause[Cause::sndbuf_full] = stalls_of(1000, 17'000'000);
  stalls.by_cause[Cause::mem_shortage] = stalls_of(12, 204'000'000);
  stalls.by_cause[Cause::mem_shortage]->open_at_end = 2;
  stalls.by_cause[Cause::sndbuf_full]->open_at_start = 1;
  for (const auto cause :
       {Cause::sndbuf_moderated, Cause::notsent_lowat, Cause::receiver_drop, Cause::eagain_spin}) {
    stalls.by_cause[cause] = StallCount{};
  }
  stalls.by_cause[Cause::cgroup_throttle] = std::nullopt;
  stalls.by_sub_cause[SubCause::peer_window] = WaitCount{900, 16'000'000'000};
  stalls.by_sub_cause[SubCause::network] = WaitCount{};
  stalls.by_sub_cause[SubCause::global] = WaitCount{12, 2'448'000'000};
  stalls.by_sub_cause[SubCause::cgroup] = std::nullopt;
  stalls.merge({});
  for (const auto& [cause, of_cause] : stalls.by_cause) {
    if (of_cause) stalls.total.merge(*of_cause);
  }
  return stalls;
}

// What a program's own clock can tell: no cause, no single waits.
inline Stalls no_causes() {
  Stalls stalls;
  stalls.total = stalls_of(1000, 17'000'000);
  stalls.total.wait.reset();
  stalls.total.run_queue_ns = 0;
  for (std::size_t i = 0; i < kCauses; ++i) stalls.by_cause[static_cast<Cause>(i)] = std::nullopt;
  stalls.by_cause[Cause::unknown] = stalls.total;
  for (std::size_t i = 0; i < kSubCauses; ++i) {
    stalls.by_sub_cause[static_cast<SubCause>(i)] = std::nullopt;
  }
  return stalls;
}

inline FlowResult measured_flow() {
  FlowResult flow;
  flow.name = "slow";
  flow.connections_requested = 100;
  flow.connections_established = 99;
  flow.connections_failed = {{"ECONNRESET", 1}};
  flow.connections_alive = 97;
  flow.sndbuf = {65536, 131072, histogram_of({{131072, 99}})};
  flow.rcvbuf = {std::nullopt, 131072, std::nullopt};
  flow.goodput_bytes_per_s = 6.4e6 / 3;
  flow.messages = 1234;
  flow.errors = {{"EPIPE", 2}};
  flow.backlog = 7;
  flow.send_call = histogram_of({{379, 100'000}, {1'000'000, 9}, {17'000'003, 1}});
  flow.send_latency = histogram_of({{1000, 9}});
  flow.delivery_latency = Histogram{};
  flow.connect = histogram_of({{0, 1}, {100'000, 98}});
  flow.own_clock = no_causes();
  flow.own_clock_unsure = Unsure{1, 2, 3};
  flow.stalls = all_causes();
  return flow;
}

inline Repetition measured_repetition() {
  Repetition repetition;
  repetition.cell = 1;
  repetition.index = 2;
  repetition.order = 5;
  repetition.status = Status::ok;
  repetition.started_at = "2026-01-31T12:00:00.123Z";
  repetition.duration_ns = 4'321'000'000;
  repetition.window_ns = 3'000'000'001;
  repetition.flows = {measured_flow()};
  repetition.stalls = all_causes();
  repetition.probes.backend = "tracepoint";
  repetition.probes.missing = {{"fentry", "loading it gives EPERM"}};
  repetition.probes.cannot_tell = {"cgroup_throttle"};
  repetition.probes.notes = {"each wait is seen at the switch"};
  repetition.probes.lost_events = 0;
  repetition.probes.cost_runs = 12;
  repetition.probes.cost_time_ns = 3456;
  repetition.probes.cost_interval_ns = 100'000'000;
  repetition.client.counters = {{"TcpExt.TCPTimeouts", 3}, {"Tcp.OutSegs", -1}};
  repetition.server.gauges = {{"TCP.mem", {17, 1024}}};
  repetition.memory_limit = {{"server", "cgroup v1 kmem.tcp, 1048576 bytes"}};
  repetition.series = {{0, 100'000'000}, {17, std::nullopt}, {6.5e6, 0.1}, {std::nullopt, 12}};
  ExpectationResult passed{
      {"slow", "stall.p99", 1e7, std::nullopt, Quantity::duration}, 9.5e6, true, ""};
  ExpectationResult missed{
      {"", "messages", std::nullopt, 5.0, Quantity::number}, std::nullopt, false, "not measured"};
  ExpectationResult against{{"slow",
                             "goodput",
                             std::nullopt,
                             0.5,
                             Quantity::number,
                             std::nullopt,
                             {{"sndbuf", "absent"}}},
                            3e6,
                            false,
                            "less than 0.5 times 8.0 MB/s",
                            "sndbuf=absent",
                            8e6};
  repetition.expectations = {passed, missed, against};
  repetition.restored = true;
  return repetition;
}

// As much as is known of a repetition that could not begin.
inline Repetition skipped_repetition() {
  Repetition repetition;
  repetition.status = Status::skipped;
  repetition.reason = "This machine has no cgroup v1 kmem.tcp.";
  repetition.started_at = "2026-01-31T12:00:05.000Z";
  repetition.flows = {FlowResult{}};
  repetition.flows[0].name = "slow";
  repetition.not_restored = {"sysctl net.ipv4.tcp_wmem of the host: Permission denied"};
  return repetition;
}

inline Report sample_report() {
  Report report;
  report.tool = {"0.1.0", "abc1234-dirty", "g++ 12.2.0", "1.1.2"};
  report.environment = {{"kernel.release", "6.18.0"},
                        {"cpu", "x"},
                        {"cpu.model", "x86 \"quoted\" \xc3\xa4"},
                        {"load", "0.10 0.20 0.30"},
                        {"sysctl.host.net.ipv4.tcp_mem", "1 2 3"},
                        {"sysctl.host.net.ipv4.tcp_mem.x", "y"}};
  report.scenario_json = R"({"flows":[{"name":"slow"}],"name":"sample","schema":1})";
  report.scenario_hash = "0123456789abcdef";
  report.seed = std::numeric_limits<std::uint64_t>::max();
  report.started_at = "2026-01-31T12:00:00.000Z";
  report.command = "netstall run sample.json --set '/flows/0/pace={\"rate\": \"5/s\"}'";
  report.selection = CellSelection{{"sndbuf=64KiB", "sndbuf=absent"}, {0, 2}, 3};
  CellResult cell{
      "sndbuf=64KiB", {{"/flows/0/socket/sndbuf", "64KiB"}}, {measured_repetition()}, {}};
  cell.expectations = measured_repetition().expectations;
  report.cells = {
      cell, {"sndbuf=absent", {{"/flows/0/socket/sndbuf", "absent"}}, {skipped_repetition()}, {}}};
  return report;
}

}  // namespace netstall
