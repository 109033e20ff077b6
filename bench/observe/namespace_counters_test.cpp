#include "bench/observe/namespace_counters.hpp"

#include <gmock/gmock.h>

#include <limits>

#include "base/error.hpp"
#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
constexpr auto kMin = std::numeric_limits<std::int64_t>::min();

CounterSnapshot counting(std::map<std::string, std::int64_t> counters) {
  return {std::move(counters), {}};
}

TEST(HostCounters, AllFilesTogether) {
  const auto snapshot = HostCounters(vm_machine() / "proc").read();
  for (const char* name : {"TcpExt.TCPMemoryPressures", "Tcp.RetransSegs", "Ip6.InReceives",
                           "softnet.cpu0.processed", "softnet.cpu1.time_squeeze"}) {
    EXPECT_TRUE(snapshot.counters.contains(name)) << name;
  }
  for (const char* name : {"TCP.mem", "TCP.orphan", "TCP6.inuse", "Tcp.CurrEstab"}) {
    EXPECT_TRUE(snapshot.gauges.contains(name)) << name;
  }
}

TEST(HostCounters, AKernelWithoutIpv6) {
  const auto snapshot = HostCounters(server_machine() / "proc").read();
  EXPECT_FALSE(snapshot.gauges.contains("TCP6.inuse"));
  EXPECT_EQ(snapshot.gauges.at("TCP.mem"), 800000);
}

TEST(HostCounters, AMissingFileIsAnError) {
  const MachineCopy machine(vm_machine());
  machine.remove("proc/thread-self/net/snmp");
  EXPECT_THROW(HostCounters(machine.root() / "proc"), Error);
}

TEST(Difference, ZeroIncreasesAreLeftOut) {
  const auto result = difference(counting({{"A", 5}, {"B", 7}}), counting({{"A", 5}, {"B", 10}}));
  EXPECT_THAT(result.counters, ElementsAre(Pair("B", 3)));
  EXPECT_TRUE(result.gauges.empty());
}

TEST(Difference, CountersBeyondInt64AndOverTheEnd) {
  const auto as_counter = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  const auto start = counting({{"A", kMax}, {"B", as_counter(18446744073709551610U)}});
  const auto end = counting({{"A", kMin}, {"B", 4}});
  EXPECT_THAT(difference(start, end).counters, ElementsAre(Pair("A", 1), Pair("B", 10)));
}

TEST(Difference, ACounterThatShrankSaysSo) {
  const auto result = difference(counting({{"A", 10}}), counting({{"A", 4}}));
  EXPECT_THAT(result.counters, ElementsAre(Pair("A", -6)));
}

TEST(Difference, WhatTheKernelWritesOnlyOnceItCountedBeganAtZero) {
  const auto result = difference(counting({}), counting({{"IcmpMsg.InType3", 2}}));
  EXPECT_THAT(result.counters, ElementsAre(Pair("IcmpMsg.InType3", 2)));
}

TEST(Difference, ACounterThatIsGoneIsAnError) {
  try {
    difference(counting({{"TcpExt.TW", 1}}), counting({}));
    FAIL() << "no Error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("TcpExt.TW was there at the start alone"));
  }
}

TEST(Difference, SoftnetCountsThirtyTwoBitsACpuAndIsSummed) {
  const auto start = counting({{"softnet.cpu0.processed", 0xfffffff0},
                               {"softnet.cpu1.processed", 100},
                               {"softnet.cpu0.time_squeeze", 4},
                               {"softnet.cpu1.time_squeeze", 0xffffffff},
                               {"softnet.cpu0.dropped", 9},
                               {"softnet.cpu1.dropped", 9}});
  const auto end = counting({{"softnet.cpu0.processed", 0x10},
                             {"softnet.cpu1.processed", 150},
                             {"softnet.cpu0.time_squeeze", 4},
                             {"softnet.cpu1.time_squeeze", 1},
                             {"softnet.cpu0.dropped", 9},
                             {"softnet.cpu1.dropped", 9}});
  EXPECT_THAT(difference(start, end).counters,
              ElementsAre(Pair("softnet.cpu1.time_squeeze", 2), Pair("softnet.processed", 32 + 50),
                          Pair("softnet.time_squeeze", 2)));
}

TEST(Difference, ACpuThatCameOrWentIsAnError) {
  const auto one = counting({{"softnet.cpu0.dropped", 1}});
  const auto two = counting({{"softnet.cpu0.dropped", 1}, {"softnet.cpu1.dropped", 1}});
  for (const auto& [start, end] : {std::pair(one, two), std::pair(two, one)}) {
    try {
      difference(start, end);
      FAIL() << "no Error";
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("softnet.cpu1.dropped was there at the"));
      EXPECT_EQ(error.remedy(), "keep all CPUs online while measuring");
    }
  }
}

TEST(SumOf, AddsUpAllButSettings) {
  KernelCounters one{{{"Tcp.InSegs", 3}, {"Tcp.Odd", -2}},
                     {{"Ip.DefaultTTL", {64, 64}}, {"Tcp.CurrEstab", {1, 2}}}};
  KernelCounters another{{{"Tcp.InSegs", 4}, {"Tcp.Odd", 2}, {"Udp.InErrors", 1}},
                         {{"Ip.DefaultTTL", {64, 64}}, {"Tcp.CurrEstab", {5, 7}}}};
  const auto sum = sum_of({one, another});
  EXPECT_THAT(sum.counters, ElementsAre(Pair("Tcp.InSegs", 7), Pair("Udp.InErrors", 1)));
  EXPECT_THAT(sum.gauges,
              ElementsAre(Pair("Ip.DefaultTTL", Pair(64, 64)), Pair("Tcp.CurrEstab", Pair(6, 9))));
}

TEST(Difference, GaugesOfBothEdges) {
  const CounterSnapshot start{{}, {{"TCP.mem", 10}, {"TCP.tw", 2}}};
  const CounterSnapshot end{{}, {{"TCP.mem", 30}, {"TCP6.inuse", 1}}};
  EXPECT_THAT(difference(start, end).gauges,
              ElementsAre(Pair("TCP.mem", Pair(10, 30)), Pair("TCP.tw", Pair(2, 0)),
                          Pair("TCP6.inuse", Pair(0, 1))));
}

}  // namespace
}  // namespace netstall
