#include "bench/report/path.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "model/testdata/sample_report.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

FlowDigest blocked(std::string cause) {
  FlowDigest flow;
  flow.name = "slow";
  flow.measured = flow.by_probe = true;
  flow.connection_ns = 10e9;
  flow.stalls = 5;
  flow.time_ns = 4'000'000'000;
  flow.run_queue_ns = 100'000'000;
  flow.causes = {{std::move(cause), 4'000'000'000, 5, 5}};
  return flow;
}

CellDigest cell_of(FlowDigest flow) {
  CellDigest cell;
  cell.flows.push_back(std::move(flow));
  cell.kernel[0].counters = {{"Tcp.InSegs", 100}};
  cell.kernel[1].counters = {{"Tcp.OutSegs", 1000}};
  return cell;
}

const Station& at(const Path& path, std::string_view name) {
  const auto found = std::find_if(path.stations.begin(), path.stations.end(),
                                  [&](const Station& station) { return station.name == name; });
  EXPECT_NE(found, path.stations.end()) << name;
  return *found;
}

TEST(Path, WaitingIsSplitBetweenBufferAndRunQueue) {
  const auto path = path_of(cell_of(blocked("sndbuf_full")), Side::server);
  ASSERT_EQ(path.stations.size(), 8U);
  EXPECT_DOUBLE_EQ(at(path, "send buffer").waited_ns.value(), 3.9e9);
  EXPECT_DOUBLE_EQ(at(path, "sending program").waited_ns.value(), 0.1e9);
  EXPECT_DOUBLE_EQ(path.connection_ns, 10e9);
  EXPECT_THAT(path.where, HasSubstr("40.0 %"));
}

TEST(Path, DropsAreTheReadersAndZeroWhereCountersDidNotMove) {
  auto cell = cell_of(blocked("sndbuf_full"));
  EXPECT_EQ(at(path_of(cell, Side::server), "receive buffer").dropped, 0U);
  cell.kernel[0].counters["TcpExt.TCPRcvQDrop"] = 3;
  cell.kernel[0].counters["TcpExt.RcvPruned"] = 4;
  cell.kernel[1].counters["TcpExt.TCPRcvQDrop"] = 100;  // of the sender's side
  EXPECT_EQ(at(path_of(cell, Side::server), "receive buffer").dropped, 7U);
  // Where both sides send, both sides read.
  EXPECT_EQ(at(path_of(cell, std::nullopt), "receive buffer").dropped, 107U);
}

TEST(Path, DropsOfTheQueueAreTheSenders) {
  auto cell = cell_of(blocked("sndbuf_full"));
  EXPECT_EQ(at(path_of(cell, Side::server), "qdisc").dropped, 0U);
  cell.kernel[1].counters["qdisc.drops"] = 2570;
  cell.kernel[0].counters["qdisc.drops"] = 1;  // of acknowledgements
  EXPECT_EQ(at(path_of(cell, Side::server), "qdisc").dropped, 2570U);
  EXPECT_EQ(at(path_of(cell, Side::server), "qdisc").no_data, "");
}

TEST(Path, WhatIsNotKnownIsSaid) {
  auto cell = cell_of(blocked("sndbuf_full"));
  cell.flows[0].measured = false;
  cell.kernel = {};
  const auto path = path_of(cell, Side::client);
  for (const auto* name : {"send buffer", "qdisc", "ring", "softirq", "receive buffer"}) {
    EXPECT_FALSE(at(path, name).waited_ns) << name;
    EXPECT_FALSE(at(path, name).dropped) << name;
    EXPECT_FALSE(at(path, name).no_data.empty()) << name;
  }
  EXPECT_THAT(path.where, HasSubstr("not known"));
  EXPECT_EQ(path.why, "");
}

TEST(Path, PointsToTheReaderTheNetworkOrTheLimit) {
  auto cell = cell_of(blocked("sndbuf_full"));
  EXPECT_THAT(path_of(cell, Side::server).why, HasSubstr("smaller than what the path holds"));
  cell.kernel[1].counters["Tcp.RetransSegs"] = 20;
  EXPECT_THAT(path_of(cell, Side::server).why, HasSubstr("20 of 1 k"));
  cell.kernel[0].counters["TcpExt.TCPToZeroWindowAdv"] = 9;
  EXPECT_THAT(path_of(cell, Side::server).why, HasSubstr("closed its window 9 times"));
  cell = cell_of(blocked("mem_shortage"));
  EXPECT_THAT(path_of(cell, Side::server).why, HasSubstr("tcp_mem"));
  cell.memory_limit = {{"server", "cgroup v1 kmem.tcp, 1048576 bytes"}};
  EXPECT_THAT(path_of(cell, Side::server).why, HasSubstr("1048576 bytes"));
  cell = cell_of(blocked("cgroup_throttle"));
  EXPECT_EQ(path_of(cell, Side::server).why, "");
  cell.memory_limit = {{"client", "cgroup v2 memory.max, 8192 bytes"},
                       {"server", "cgroup v2 memory.high, 4096 bytes"}};
  EXPECT_EQ(path_of(cell, Side::server).why,
            "The memory cgroup made the program wait: client has a limit of cgroup v2 memory.max, "
            "8192 bytes, server has a limit of cgroup v2 memory.high, 4096 bytes.");
}

TEST(Path, TheRingIsThatOfTheReadersEnd) {
  auto cell = cell_of(blocked("sndbuf_full"));
  const auto ring = [&cell] {
    for (auto& station : path_of(cell, Side::server).stations) {
      if (station.name == "ring") return station;
    }
    return Station{};
  };
  EXPECT_THAT(ring().no_data, HasSubstr("did not read"));
  cell.napi = {{"client", {false, 0, std::nullopt}}, {"server", {true, 7, 9}}};
  EXPECT_THAT(ring().no_data, HasSubstr("a veth without NAPI has none"));
  EXPECT_EQ(ring().dropped, std::nullopt);
  cell.napi["client"] = {true, 1200, 5};
  EXPECT_EQ(ring().dropped, 5U);
  EXPECT_EQ(ring().no_data, "");
  EXPECT_EQ(ring().facts.front().second, "1.20 k");
}

}  // namespace
}  // namespace netstall
