// A namespace's counters count its own traffic, all of it, and nobody else's.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/netns.hpp"
#include "bench/observe/namespace_counters.hpp"

namespace netstall {
namespace {

void bring_loopback_up(const Netns& netns) {
  const ScopedNetns inside(netns);
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0) << errno_text(errno);
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// One datagram to a port where nobody listens: one ICMP message back.
void send_datagrams(const Netns& netns, int count) {
  const ScopedNetns inside(netns);
  for (int i = 0; i < count; ++i) {
    const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto to = loopback(9);
    const auto* address = reinterpret_cast<const sockaddr*>(&to);
    ASSERT_EQ(::sendto(socket.get(), "x", 1, 0, address, sizeof to), 1) << errno_text(errno);
  }
}

// TCP connections with `bytes` each way across loopback, closed at once.
void make_connections(const Netns& netns, int count, std::size_t bytes) {
  const ScopedNetns inside(netns);
  const Fd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  auto address = loopback(7000);
  auto* where = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(::bind(listener.get(), where, sizeof address), 0) << errno_text(errno);
  ASSERT_EQ(::listen(listener.get(), 16), 0);
  const std::string payload(bytes, 'x');
  std::string taken(bytes, ' ');
  for (int i = 0; i < count; ++i) {
    const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(client.get(), where, sizeof address), 0) << errno_text(errno);
    const Fd server(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    ASSERT_EQ(write_all(client.get(), payload), 0);
    ASSERT_EQ(::recv(server.get(), taken.data(), bytes, MSG_WAITALL), static_cast<ssize_t>(bytes));
  }
}

// iproute2's own reading: "TcpExtTCPHPAcks  5  0.0" → value.
std::map<std::string, std::int64_t> nstat(const Netns& netns) {
  std::map<std::string, std::int64_t> values;
  // The shell's child opens the namespace by a descriptor it must inherit.
  const Fd inherited(::dup(netns.fd()));
  const auto command = fmt::format(
      "NSTAT_HISTORY=/dev/null nsenter --net=/proc/self/fd/{} nstat -asz", inherited.get());
  FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return values;
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe))
    text.push_back(static_cast<char>(c));
  EXPECT_EQ(::pclose(pipe), 0) << "nsenter or nstat is missing";
  std::istringstream lines(text);
  std::string line;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string name;
    std::int64_t value = 0;
    if (!line.starts_with("#") && fields >> name >> value) values[name] = value;
  }
  return values;
}

// Under the names of nstat: "TcpExt.TW" → "TcpExtTW".
std::map<std::string, std::int64_t> as_nstat_names(const CounterSnapshot& snapshot) {
  std::map<std::string, std::int64_t> values;
  for (const auto& [name, value] : snapshot.counters) {
    const auto dot = name.find('.');
    values[name.substr(0, dot) + name.substr(dot + 1)] = value;
  }
  return values;
}

// Waits until the counters stand still, so that two readers can be compared.
CounterSnapshot settled(NamespaceCounters& counters, const Deadline& deadline,
                        const std::function<void()>& between) {
  for (;;) {
    const auto before = counters.read();
    between();
    auto after = counters.read();
    if (before.counters == after.counters) return after;
    if (deadline.passed()) throw std::runtime_error("the counters do not come to rest");
  }
}

TEST(NamespaceCountersNetns, AgreeWithNstatToTheUnit) {
  const auto netns = Netns::create();
  bring_loopback_up(netns);
  NamespaceCounters counters(netns);
  send_datagrams(netns, 25);
  make_connections(netns, 40, 100'000);
  std::map<std::string, std::int64_t> expected;
  const auto snapshot =
      settled(counters, Deadline(std::chrono::seconds(30)), [&] { expected = nstat(netns); });
  const auto found = as_nstat_names(snapshot);
  EXPECT_GT(expected.size(), 300U);
  for (const auto& [name, value] : expected) {
    const auto own = found.find(name);
    if (own == found.end()) continue;
    EXPECT_EQ(own->second, value) << name;
  }
  // nstat knows no states: what it shows and we do not is one of those.
  for (const auto& [name, value] : found) EXPECT_TRUE(expected.contains(name)) << name;
  EXPECT_GT(found.size(), 300U);
}

TEST(NamespaceCountersNetns, OnlyItsOwnTraffic) {
  const auto busy = Netns::create();
  const auto idle = Netns::create();
  bring_loopback_up(busy);
  bring_loopback_up(idle);
  NamespaceCounters of_busy(busy);
  NamespaceCounters of_idle(idle);
  const auto busy_start = of_busy.read();
  const auto idle_start = settled(of_idle, Deadline(std::chrono::seconds(10)), [] {});
  send_datagrams(busy, 25);
  make_connections(busy, 40, 100'000);
  const auto counted = difference(busy_start, of_busy.read()).counters;
  EXPECT_EQ(counted.at("Udp.OutDatagrams"), 25);
  EXPECT_EQ(counted.at("Udp.NoPorts"), 25);
  EXPECT_EQ(counted.at("Tcp.ActiveOpens"), 40);
  EXPECT_EQ(counted.at("Tcp.PassiveOpens"), 40);
  EXPECT_GE(counted.at("IpExt.InOctets"), 40 * 100'000);
  for (const auto& [name, increase] : difference(idle_start, of_idle.read()).counters) {
    // Loopback that came up may still announce itself over IPv6.
    EXPECT_TRUE(name.starts_with("Ip6.") || name.starts_with("Icmp6.")) << name << " " << increase;
  }
}

TEST(NamespaceCountersNetns, WhoeverReadsAndWherever) {
  // /proc/net follows the main thread alone: a reader that goes by it counts the
  // wrong namespace on any other thread.
  const auto netns = Netns::create();
  bring_loopback_up(netns);
  send_datagrams(netns, 7);
  const auto sent = [&] {
    return std::pair(read_namespace_counters(netns).counters.at("Udp.OutDatagrams"),
                     NamespaceCounters(netns).read().counters.at("Udp.OutDatagrams"));
  };
  EXPECT_EQ(sent(), std::pair(std::int64_t{7}, std::int64_t{7})) << "on the main thread";
  NamespaceCounters opened_here(netns);
  std::thread([&] {
    EXPECT_EQ(sent(), std::pair(std::int64_t{7}, std::int64_t{7})) << "on another thread";
    const ScopedNetns elsewhere(Netns::create());
    EXPECT_EQ(opened_here.read().counters.at("Udp.OutDatagrams"), 7) << "from another namespace";
  }).join();
}

TEST(NamespaceCountersNetns, OutliveTheHandle) {
  std::optional<Netns> netns(Netns::create());
  bring_loopback_up(*netns);
  NamespaceCounters counters(*netns);
  send_datagrams(*netns, 3);
  netns.reset();
  EXPECT_EQ(counters.read().counters.at("Udp.OutDatagrams"), 3);
}

TEST(NamespaceCountersNetns, WhatCountsTheWholeMachineIsLeftOut) {
  const auto busy = Netns::create();
  const auto idle = Netns::create();
  bring_loopback_up(busy);
  std::vector<Fd> held;
  {
    const ScopedNetns inside(busy);
    for (int i = 0; i < 20; ++i) {
      held.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
      auto address = loopback(static_cast<std::uint16_t>(7100 + i));
      ASSERT_EQ(::bind(held.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address),
                0);
      ASSERT_EQ(::listen(held.back().get(), 1), 0);
    }
  }
  EXPECT_EQ(read_namespace_counters(busy).gauges.at("TCP.inuse"), 20);
  const auto gauges = read_namespace_counters(idle).gauges;
  EXPECT_EQ(gauges.at("TCP.inuse"), 0);
  for (const char* name : {"TCP.alloc", "TCP.orphan", "TCP.mem", "UDP.mem"}) {
    EXPECT_FALSE(gauges.contains(name)) << name;
  }
  // The reason: the kernel's own text in the idle namespace has the other's sockets.
  const ScopedNetns inside(idle);
  const auto raw = HostCounters().read();
  EXPECT_GE(raw.gauges.at("TCP.alloc"), 20);
  EXPECT_EQ(raw.gauges.at("TCP.inuse"), 0);
}

}  // namespace
}  // namespace netstall
