// Several clients on a bridge.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <set>
#include <sstream>
#include <string>

#include "base/file.hpp"
#include "bench/lab/lab_fixture_test.hpp"
#include "bench/lab/namespace_watch_test.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

LabSpec with_clients(std::uint32_t clients) {
  LabSpec spec;
  spec.clients = clients;
  return spec;
}

TEST_F(LabTest, OneClientNeedsNoBridge) {
  auto guardian = start_guardian();
  const Lab lab({}, {}, guardian);
  EXPECT_EQ(lab.clients(), 1U);
  EXPECT_EQ(lab.bridge(), nullptr);
  EXPECT_EQ(lab.address(Side::client, Family::ipv4), "10.78.0.1");
  EXPECT_EQ(lab.address(Side::server, Family::ipv6), "fd00:6e73::2");
}

TEST_F(LabTest, EachOfManyClientsMeetsTheServerOnABridge) {
  auto guardian = start_guardian();
  const Lab lab(with_clients(kMaxClients), {}, guardian);
  ASSERT_EQ(lab.clients(), kMaxClients);
  std::set<std::string> addresses{lab.address(Side::server, Family::ipv4),
                                  lab.address(Side::server, Family::ipv6)};
  for (std::uint32_t client = 0; client < kMaxClients; ++client) {
    for (const auto family : {Family::ipv4, Family::ipv6}) {
      EXPECT_TRUE(addresses.insert(lab.address(Side::client, family, client)).second);
      exchange(lab, family, Side::server, client);
      exchange(lab, family, Side::client, client);
    }
  }
}

TEST_F(LabTest, SeveralClientsAreGoneWithTheirBridge) {
  auto guardian = start_guardian();
  NamespaceWatch namespaces;
  Lab lab(with_clients(3), {}, guardian);
  for (std::uint32_t client = 0; client < 3; ++client) {
    namespaces.add(lab.netns(Side::client, client).fd());
  }
  namespaces.add(lab.netns(Side::server).fd());
  ASSERT_NE(lab.bridge(), nullptr);
  namespaces.add(lab.bridge()->fd());
  EXPECT_EQ(namespaces.alive(), 5U);
  EXPECT_THAT(remnants(guardian.run_id()), SizeIs(1)) << "nothing of the bridge in the host";
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_TRUE(namespaces.all_gone(Deadline(10s)));
  EXPECT_THAT(guardian.finish(), IsEmpty());
}

// Datagrams of a size to an address at which nobody listens.
void send_datagrams(const Netns& netns, const sockaddr_storage& target, int count,
                    std::size_t size) {
  const ScopedNetns inside(netns);
  const Fd fd(::socket(target.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const std::string datagram(size, 'x');
  for (int i = 0; i < count; ++i) {
    ::sendto(fd.get(), datagram.data(), datagram.size(), 0,
             reinterpret_cast<const sockaddr*>(&target), sizeof target);
  }
}

// Packets that an end of the link has received so far.
std::uint64_t received(const Netns& netns) {
  const ScopedNetns inside(netns);
  std::istringstream lines(read_file("/proc/thread-self/net/dev"));
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find("netstall0:");
    if (at == std::string::npos) continue;
    std::istringstream fields(line.substr(at + 10));
    std::uint64_t bytes = 0;
    std::uint64_t packets = 0;
    fields >> bytes >> packets;
    return packets;
  }
  return ~std::uint64_t{0};
}

TEST_F(LabTest, EachClientHasTheSidesSysctlsAndLink) {
  auto guardian = start_guardian();
  SysctlSpec sysctls;
  sysctls.side.client.emplace("net.ipv4.tcp_rmem", "4096 131073 6291457");
  sysctls.side.client.emplace("net.ipv4.no_such", "1");
  sysctls.optional = {"net.ipv4.no_such"};
  auto spec = with_clients(3);
  spec.link.mtu = 9000;
  spec.link.txqueuelen = 7;
  spec.link.qdisc.client = "pfifo";
  spec.link.offload = {false, false, false};
  Lab lab(spec, sysctls, guardian);
  for (std::uint32_t client = 0; client < 3; ++client) {
    const ScopedNetns inside(lab.netns(Side::client, client));
    EXPECT_EQ(read_file("/proc/sys/net/ipv4/tcp_rmem"), "4096\t131073\t6291457\n");
    const Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ifreq request{{"netstall0"}, {}};
    ASSERT_EQ(::ioctl(fd.get(), SIOCGIFMTU, &request), 0);
    EXPECT_EQ(request.ifr_mtu, 9000);
    ASSERT_EQ(::ioctl(fd.get(), SIOCGIFTXQLEN, &request), 0);
    EXPECT_EQ(request.ifr_qlen, 7);
    ethtool_value value{ETHTOOL_GTSO, 1};
    request.ifr_data = reinterpret_cast<char*>(&value);
    ASSERT_EQ(::ioctl(fd.get(), SIOCETHTOOL, &request), 0);
    EXPECT_EQ(value.data, 0U);
  }
  EXPECT_THAT(lab.sysctl_left_out(), SizeIs(1));
  EXPECT_EQ(lab.sysctl_left_out().count("client net.ipv4.no_such"), 1U);
  exchange(lab, Family::ipv4, Side::server, 2);
}

TEST_F(LabTest, JumboFramesPassTheBridge) {
  auto guardian = start_guardian();
  auto spec = with_clients(2);
  spec.link.mtu = 9000;
  const Lab lab(spec, {}, guardian);
  const auto before = received(lab.netns(Side::server));
  const auto target = address_of(lab, Side::server, Family::ipv4, kPort);
  send_datagrams(lab.netns(Side::client, 1), target, 20, 8900);
  const auto now = [&] { return received(lab.netns(Side::server)) - before; };
  for (const Deadline deadline(5s); now() < 20;) ASSERT_FALSE(deadline.passed());
  EXPECT_EQ(now(), 20U) << "none in fragments";
}

TEST_F(LabTest, TheLinkCountersOfSeveralClientsAreTheirSum) {
  auto guardian = start_guardian();
  auto spec = with_clients(3);
  // Room for two datagrams, and a minute for each of them.
  spec.link.qdisc.client = "tbf rate 160bit burst 1600 limit 3000";
  Lab lab(spec, {}, guardian);
  const auto target = address_of(lab, Side::server, Family::ipv4, kPort);
  for (const std::uint32_t client : {0U, 2U}) {
    send_datagrams(lab.netns(Side::client, client), target, 10, 1200);
  }
  // Of each one is on its way at once, two wait.
  EXPECT_EQ(lab.link_counters(Side::client).at("qdisc.drops"), 2 * (10 - 3));
}

// The bridge knows each before any has sent: it floods nothing.
TEST_F(LabTest, WhatIsForOneClientReachesNoOther) {
  auto guardian = start_guardian();
  const Lab lab(with_clients(3), {}, guardian);
  std::array<std::uint64_t, 3> before{};
  for (std::uint32_t i = 0; i < 3; ++i) before.at(i) = received(lab.netns(Side::client, i));
  const auto target = address_of(lab, Side::client, Family::ipv4, kPort, 1);
  send_datagrams(lab.netns(Side::server), target, 20, 100);
  for (const Deadline deadline(5s); received(lab.netns(Side::client, 1)) < before[1] + 20;) {
    ASSERT_FALSE(deadline.passed());
  }
  EXPECT_EQ(received(lab.netns(Side::client, 0)), before[0]);
  EXPECT_EQ(received(lab.netns(Side::client, 2)), before[2]);
}

TEST_F(LabTest, WhichClientSomebodyIsStillInIsSaid) {
  auto guardian = start_guardian();
  LabOptions options;
  options.patience = 10ms;
  Lab lab(with_clients(2), {}, guardian, options);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd answers(ends[0]);
  const Fd answer(ends[1]);
  const pid_t forgotten = ::fork();
  if (forgotten == 0) {
    const ScopedNetns inside(lab.netns(Side::client, 1));
    static_cast<void>(!::write(answer.get(), "r", 1));
    for (;;) ::pause();
  }
  char byte = 0;
  EXPECT_EQ(::read(answers.get(), &byte, 1), 1);
  EXPECT_THAT(lab.tear_down(), ElementsAre(HasSubstr("is still in the client 1's namespace")));
  ::kill(forgotten, SIGKILL);
  ::waitpid(forgotten, nullptr, 0);
}

}  // namespace
}  // namespace netstall
