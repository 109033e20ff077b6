#include "bpf/offenders.hpp"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace netstall {
namespace {

netstall_offender stall(std::uint64_t time_ns, std::uint32_t flow) {
  netstall_offender one{};
  one.time_ns = time_ns;
  one.from = 900;
  one.flow = flow;
  one.cause = NETSTALL_CAUSE_SNDBUF_FULL;
  one.sub = NETSTALL_SUB_PEER_WINDOW;
  return one;
}

TEST(Offenders, AreTheLongestOfAllCpus) {
  std::vector<netstall_worst> lists(2);
  for (std::uint32_t i = 0; i < NETSTALL_OFFENDERS; ++i) {
    lists[0].list[i] = stall(100 + i, 0);
    if (i < 3) lists[1].list[i] = stall(500 - i, 1);
  }
  const auto longest = longest_of(lists, {1000, 5000});
  ASSERT_EQ(longest.list.size(), std::size_t{NETSTALL_OFFENDERS});
  EXPECT_EQ(longest.list[0].duration_ns, 500U);
  EXPECT_EQ(longest.list[2].duration_ns, 498U);
  EXPECT_EQ(longest.list[3].duration_ns, 109U);
  EXPECT_EQ(longest.flows[0], 1U);
  EXPECT_EQ(longest.flows[3], 0U);
  EXPECT_EQ(longest.list[0].began_ns, -100);
  EXPECT_EQ(longest.list[0].cause, Cause::sndbuf_full);
  EXPECT_EQ(longest.list[0].sub_cause, SubCause::peer_window);
}

// The longest wait of a stall may have had another cause than most of its time.
TEST(Offenders, ASubCauseIsThatOfTheCause) {
  std::vector<netstall_worst> lists(1);
  lists[0].list[0] = stall(100, 0);
  lists[0].list[0].sub = NETSTALL_SUB_GLOBAL;
  EXPECT_EQ(longest_of(lists, {}).list[0].sub_cause, std::nullopt);
}

TEST(Offenders, NoStallIsNone) {
  EXPECT_TRUE(longest_of(std::vector<netstall_worst>(4), {}).list.empty());
}

TEST(Offenders, EndpointsAreWrittenAsSsDoes) {
  std::uint32_t words[4] = {0, 0, htonl(0xffff), htonl(0x0a4e0001)};
  EXPECT_EQ(endpoint_text(words, 5001), "10.78.0.1:5001");
  in6_addr address{};
  ASSERT_EQ(::inet_pton(AF_INET6, "fd00:6e73::1", &address), 1);
  std::memcpy(words, &address, sizeof words);
  EXPECT_EQ(endpoint_text(words, 80), "[fd00:6e73::1]:80");
}

}  // namespace
}  // namespace netstall
