// The link: root qdiscs, offloads, packet sizes, NAPI.
#include <gmock/gmock.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "base/error.hpp"
#include "bench/lab/device_reader.hpp"
#include "bench/lab/lab_fixture_test.hpp"
#include "bench/lab/qdisc.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

TEST_F(LabTest, TheLinkIsAsWished) {
  auto guardian = start_guardian();
  LabSpec spec;
  spec.link.mtu = 9000;
  spec.link.txqueuelen = 77;
  const Lab lab(spec, {}, guardian);
  for (const auto side : {Side::client, Side::server}) {
    const auto fd = open_socket(lab.netns(side), AF_INET);
    ifreq request{{"netstall0"}, {}};
    ASSERT_EQ(::ioctl(fd.get(), SIOCGIFMTU, &request), 0);
    EXPECT_EQ(request.ifr_mtu, 9000);
    ASSERT_EQ(::ioctl(fd.get(), SIOCGIFTXQLEN, &request), 0);
    EXPECT_EQ(request.ifr_qlen, 77);
  }
}

// What tc itself says of one end of the link; it is run in that end's namespace.
std::string tc_says(const Lab& lab, Side side, const char* command) {
  const ScopedNetns inside(lab.netns(side));
  FILE* output = ::popen(command, "r");
  std::string text;
  std::array<char, 512> chunk{};
  while (const auto got = ::fread(chunk.data(), 1, chunk.size(), output)) {
    text.append(chunk.data(), got);
  }
  EXPECT_EQ(::pclose(output), 0) << command << ": " << text;
  return text;
}

TEST_F(LabTest, EachEndHasItsRootQdisc) {
  auto guardian = start_guardian();
  LabSpec spec;
  spec.link.txqueuelen = 7;
  spec.link.qdisc.client = "  pfifo ";
  spec.link.qdisc.server = "tbf rate 1gbit burst 64kb latency 20ms";
  const Lab lab(spec, {}, guardian);
  const auto* show = "tc qdisc show dev netstall0 2>&1";
  EXPECT_THAT(tc_says(lab, Side::client, show),
              AllOf(HasSubstr("qdisc pfifo "), HasSubstr("root"), HasSubstr("limit 7p")));
  EXPECT_THAT(tc_says(lab, Side::server, show),
              AllOf(HasSubstr("qdisc tbf "), HasSubstr("rate 1Gbit"), HasSubstr("lat 20")));
  EXPECT_EQ(lab.qdisc().at("server"), "tbf rate 1gbit burst 64kb latency 20ms");
  exchange(lab, Family::ipv4, Side::server);
  exchange(lab, Family::ipv6, Side::client);
}

TEST_F(LabTest, ALabWithoutQdiscsHasTheKernels) {
  auto guardian = start_guardian();
  Lab lab({}, {}, guardian);
  EXPECT_THAT(lab.qdisc(), IsEmpty());
  EXPECT_THAT(tc_says(lab, Side::server, "tc qdisc show dev netstall0 2>&1"), HasSubstr("noqueue"));
  EXPECT_EQ(lab.link_counters(Side::server).at("qdisc.drops"), 0);
}

TEST_F(LabTest, WhatARootQdiscDropsIsCounted) {
  auto guardian = start_guardian();
  LabSpec spec;
  // Room for two datagrams, and a minute for each of them.
  spec.link.qdisc.server = "tbf rate 160bit burst 1600 limit 3000";
  Lab lab(spec, {}, guardian);
  EXPECT_EQ(lab.link_counters(Side::server).at("qdisc.drops"), 0);
  const auto target = address_of(lab, Side::client, Family::ipv4, kPort);
  const ScopedNetns inside(lab.netns(Side::server));
  const Fd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string datagram(1200, 'x');
  constexpr int kSent = 10;
  for (int i = 0; i < kSent; ++i) {
    ::sendto(fd.get(), datagram.data(), datagram.size(), 0,
             reinterpret_cast<const sockaddr*>(&target), sizeof(sockaddr_in));
  }
  // One is on its way at once, two wait.
  EXPECT_EQ(lab.link_counters(Side::server).at("qdisc.drops"), kSent - 3);
  EXPECT_THAT(tc_says(lab, Side::server, "tc -s qdisc show dev netstall0 2>&1"),
              HasSubstr("dropped 7,"));
  EXPECT_EQ(lab.link_counters(Side::client).at("qdisc.drops"), 0);
}

TEST_F(LabTest, AQdiscThatCannotBeIsSaidAndLeavesNothing) {
  struct Case {
    const char* qdisc;
    ErrorKind kind;
    const char* cause;
  };
  const std::array cases{
      Case{"nosuch limit 3", ErrorKind::usage, "Unknown qdisc \"nosuch\""},
      Case{"nosuch", ErrorKind::incapable, "this kernel has no such qdisc"},
      Case{"tbf rat 1mbit", ErrorKind::usage, "unknown parameter \"rat\""},
  };
  for (const auto& wrong : cases) {
    auto guardian = start_guardian();
    LabSpec spec;
    spec.link.qdisc.server = wrong.qdisc;
    try {
      const Lab lab(spec, {}, guardian);
      ADD_FAILURE() << "no error for " << wrong.qdisc;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), wrong.kind) << wrong.qdisc;
      EXPECT_THAT(error.what(), AllOf(HasSubstr(wrong.qdisc), HasSubstr(wrong.cause)));
    }
    EXPECT_THAT(guardian.finish(), IsEmpty());
  }
}

TEST_F(LabTest, WhetherAQdiscCanBeIsTried) {
  EXPECT_EQ(why_no_qdisc("pfifo limit 7"), std::nullopt);
  EXPECT_THAT(why_no_qdisc("nosuch").value_or(""),
              AllOf(HasSubstr("The root qdisc \"nosuch\""),
                    HasSubstr("this kernel has no such qdisc"), HasSubstr("guest")));
  EXPECT_THROW(static_cast<void>(why_no_qdisc("tbf rat 1mbit")), Error);
}

// Whether an offload is on, as `ethtool -k` lists it.
bool has_feature(const Lab& lab, Side side, std::uint32_t command) {
  const auto fd = open_socket(lab.netns(side), AF_INET);
  ethtool_value value{command, 0};
  ifreq request{{"netstall0"}, {}};
  request.ifr_data = reinterpret_cast<char*>(&value);
  EXPECT_EQ(::ioctl(fd.get(), SIOCETHTOOL, &request), 0) << errno_text(errno);
  return value.data != 0;
}

TEST_F(LabTest, OffloadsAreAsWishedAtBothEnds) {
  auto guardian = start_guardian();
  for (const bool on : {true, false}) {
    LabSpec spec;
    spec.link.offload = {on, on, on};
    const Lab lab(spec, {}, guardian);
    for (const auto side : {Side::client, Side::server}) {
      EXPECT_EQ(has_feature(lab, side, ETHTOOL_GTSO), on);
      EXPECT_EQ(has_feature(lab, side, ETHTOOL_GGSO), on);
      EXPECT_EQ(has_feature(lab, side, ETHTOOL_GGRO), on);
    }
    exchange(lab, Family::ipv4, Side::server);
  }
}

TEST_F(LabTest, AnImpossibleMtuIsSaid) {
  auto guardian = start_guardian();
  LabSpec spec;
  spec.link.mtu = 10;
  try {
    const Lab lab(spec, {}, guardian);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("its mtu can be 68 to 65535 bytes, not 10"));
  }
}

TEST_F(LabTest, ASmallMtuLeavesIpv4) {
  auto guardian = start_guardian();
  LabSpec spec;
  spec.link.mtu = 1000;
  const Lab lab(spec, {}, guardian);
  EXPECT_THROW(static_cast<void>(lab.address(Side::client, Family::ipv6)), Error);
  const auto server = listener(lab, Side::server, Family::ipv4);
  const auto target = address_of(lab, Side::server, Family::ipv4, kPort);
  EXPECT_EQ(connect_to(open_socket(lab.netns(Side::client), AF_INET), target), 0);
}

TEST_F(LabTest, AVethWithGroPollsByNapiUnlessTheOtherEndHasTso) {
  auto guardian = start_guardian();
  for (const bool gro : {true, false}) {
    LabSpec spec;
    spec.link.offload = {false, {}, gro};
    Lab lab(spec, {}, guardian);
    const auto before = lab.devices();
    exchange(lab, Family::ipv4, Side::server);
    const auto facts = over_window(before, lab.devices());
    for (const auto* side : {"client", "server"}) {
      EXPECT_EQ(facts.at(side).driver, "veth");
      EXPECT_EQ(facts.at(side).napi->enabled, gro);
      EXPECT_EQ(facts.at(side).napi->dropped, gro ? std::optional(0) : std::nullopt);
      if (gro) {
        EXPECT_GT(facts.at(side).napi->polled, 0) << "SYN or SYN-ACK, data or its ACK";
      } else {
        EXPECT_EQ(facts.at(side).napi->polled, 0);
      }
    }
  }
}

}  // namespace
}  // namespace netstall
