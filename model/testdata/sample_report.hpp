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
  flow.options = {{"congestion_control", {std::nullopt, "cubic", "cubic"}},
                  {"nodelay", {"true", "true", std::nullopt}}};
  flow.tcp_info =
      TcpInfo{2, 6'000'000'000, 3'000'000'000, 2'000'000'000, 1'000'000, Histogram{}, std::nullopt};
  flow.goodput_bytes_per_s = 6.4e6 / 3;
  flow.messages = 1234;
  flow.errors = {{"EPIPE", 2}};
  flow.backlog = 7;
  flow.vain_sends = 5;
  flow.senders_per_connection = 1;
  flow.send_call = histogram_of({{379, 100'000}, {1'000'000, 9}, {17'000'003, 1}});
  flow.send_latency = histogram_of({{1000, 9}});
  flow.delivery_latency = Histogram{};
  flow.connect = histogram_of({{0, 1}, {100'000, 98}});
  flow.datagrams = DatagramCounts{1300, 1200, 10, 90, 4, 2, 1190};
  flow.own_clock = no_causes();
  flow.own_clock_unsure = Unsure{1, 2, 3};
  flow.zerocopy = ZerocopyResult{40, 4, 30, 20};
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
  repetition.probes.lost_offenders = 0;
  repetition.probes.cost_runs = 12;
  repetition.probes.cost_time_ns = 3456;
  repetition.probes.cost_interval_ns = 100'000'000;
  Offender worst;
  worst.flow = "slow";
  worst.cause = Cause::mem_shortage;
  worst.sub_cause = SubCause::global;
  worst.duration_ns = 204'000'000;
  worst.waits = 3;
  worst.began_ns = -1000;
  worst.open_at_end = true;
  worst.local = "10.78.0.1:5001";
  worst.remote = "10.78.0.2:40000";
  worst.queued_bytes = 70'000;
  worst.sndbuf_bytes = 131'072;
  worst.peer_window_bytes = 65'535;
  worst.tcp_mem_pages = 1024;
  worst.stack = {"schedule_timeout", "wait_woken", "sk_stream_wait_memory"};
  Offender without_stack = worst;
  without_stack.cause = Cause::sndbuf_full;
  without_stack.sub_cause = std::nullopt;
  without_stack.remote = "[fd00:6e73::1]:40001";
  without_stack.stack = std::nullopt;
  without_stack.no_stack = "a sender that does not block waits in no function of the kernel";
  repetition.worst_stalls = {worst, without_stack};
  ProbeFinding drops;
  drops.backend = "tracepoint";
  drops.events["client"] = {{"PROTO_MEM", 594}, {"NOT_SPECIFIED", 0}};
  drops.events["server"] = {};
  drops.notes = {"each drop is told by its ports"};
  drops.lost_events = 1;
  drops.cost_runs = 5;
  drops.cost_time_ns = 1234;
  ProbeFinding pauses;
  pauses.backend = "counter";
  pauses.spells["slow"]["zero"] = {3, 600'000'000, histogram_of({{200'000'000, 3}}), 1, 2};
  repetition.findings = {{"drops", drops}, {"zero_window", pauses}, {"qdisc_drops", std::nullopt}};
  repetition.client.counters = {{"TcpExt.TCPTimeouts", 3}, {"Tcp.OutSegs", -1}};
  repetition.server.gauges = {{"TCP.mem", {17, 1024}}};
  repetition.memory_limit = {{"server", "cgroup v1 kmem.tcp, 1048576 bytes"}};
  repetition.placement = {{"client.cpus", "0-3"}, {"server.cpus", "4-7"}};
  repetition.devices["client"] = {"eth2",
                                  "ixgbe",
                                  9000,
                                  10'000'000'000,
                                  {{{"rx", 512}, {"rx_max", 4096}}},
                                  {{{"adaptive_rx", 1}, {"rx_usecs", 1}}},
                                  {{{"45", "0-1"}}},
                                  {{"rx_dropped", 0}, {"rx_missed", 3}},
                                  {{{"rx_no_buffer_count", 3}}}};
  auto& bare = repetition.devices["server"];
  bare.name = "eth3";
  bare.mtu = 1500;
  bare.napi = {true, 120, std::nullopt};
  repetition.qdisc = {{"server", "tbf rate 1gbit burst 64kb latency 20ms"}};
  repetition.sysctl_left_out = {{"client net.ipv4.no_such", "there is no such sysctl"}};
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
  cell.precision = {{"slow", "goodput", 0.05, 20}, 6, 6.5e6, 6.4e6, 6.7e6, true};
  report.cells = {
      cell, {"sndbuf=absent", {{"/flows/0/socket/sndbuf", "absent"}}, {skipped_repetition()}, {}}};
  return report;
}

}  // namespace netstall
