#include "bench/verdict/fingerprint.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace netstall {
namespace {

std::vector<std::string> facts(const Environment& a, const Environment& b) {
  std::vector<std::string> names;
  for (const auto& difference : fingerprint_differences(a, b)) names.push_back(difference.fact);
  return names;
}

TEST(Fingerprint, DecisiveFactsThatDifferAreNamed) {
  const Environment a{{"kernel.release", "6.1"},
                      {"cpu.governor", "performance"},
                      {"sysctl.host.net.ipv4.tcp_wmem", "4096 16384 4194304"},
                      {"cpu.model", "same"}};
  const Environment b{{"kernel.release", "6.12"},
                      {"cpu.governor", "powersave"},
                      {"sysctl.host.net.ipv4.tcp_wmem", "4096 65536 4194304"},
                      {"cpu.model", "same"}};
  EXPECT_THAT(facts(a, b), testing::ElementsAre("cpu.governor", "kernel.release",
                                                "sysctl.host.net.ipv4.tcp_wmem"));
  EXPECT_THAT(facts(a, a), testing::IsEmpty());
}

TEST(Fingerprint, FactOfOneSideAloneIsADifference) {
  const auto differences = fingerprint_differences({{"cpu.turbo", "off"}}, {});
  ASSERT_EQ(differences.size(), 1U);
  EXPECT_EQ(differences[0].a, "off");
  EXPECT_FALSE(differences[0].b);
}

// Causes and limits that the one has and the other has not, and other turns.
TEST(Fingerprint, ARunWithoutRootIsAnother) {
  EXPECT_THAT(facts({{"run.rootless", "in a user namespace"}, {"run.given_up.probes", "why"}}, {}),
              testing::ElementsAre("run.rootless"));
}

TEST(Fingerprint, WhatChangesByItselfDoesNotCount) {
  const auto differ = [](const std::string& fact) {
    return !facts({{fact, "1"}}, {{fact, "2"}}).empty();
  };
  EXPECT_FALSE(differ("load.one"));
  EXPECT_FALSE(differ("memory.available_bytes"));
  EXPECT_FALSE(differ("sysctl.host.net.netfilter.nf_conntrack_count"));
  EXPECT_FALSE(differ("sysctl.host.net.core.netdev_rss_key"));
  EXPECT_FALSE(differ("sysctl.host.net.ipv4.conf.veth1234.rp_filter"));
  EXPECT_FALSE(differ("sysctl.host.net.ipv6.neigh.eth0.gc_stale_time"));
  EXPECT_TRUE(differ("sysctl.host.net.ipv4.conf.all.rp_filter"));
  EXPECT_TRUE(differ("sysctl.host.net.ipv4.conf.default.rp_filter"));
  EXPECT_TRUE(differ("memory.thp"));
  EXPECT_TRUE(differ("scenario"));
}

TEST(Fingerprint, MemoryThatTheKernelLeavesAtBootMayDifferByAPercent) {
  const std::string fact = "sysctl.host.net.ipv4.tcp_mem";
  EXPECT_THAT(facts({{fact, "10000 20000 30000"}}, {{fact, "10050 20100 30150"}}),
              testing::IsEmpty());
  EXPECT_THAT(facts({{fact, "10000 20000 30000"}}, {{fact, "10000 20000 30400"}}),
              testing::ElementsAre(fact));
  EXPECT_THAT(facts({{fact, "10000 20000 30000"}}, {{fact, "10000 20000"}}),
              testing::ElementsAre(fact));
}

}  // namespace
}  // namespace netstall
