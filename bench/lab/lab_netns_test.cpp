// The lab: what it makes works, and nothing of it is left, however it ends.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <sstream>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/device_reader.hpp"
#include "bench/lab/lab.hpp"
#include "bench/lab/leftovers.hpp"
#include "bench/lab/namespace_users.hpp"
#include "bench/lab/namespace_watch_test.hpp"
#include "bench/lab/qdisc.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr const char* kHostKey = "net.core.netdev_budget_usecs";
constexpr std::uint16_t kPort = 7001;

Fd probe_program() {
  return Fd(::open(NETSTALL_LAB_PROBE, O_PATH | O_CLOEXEC));
}

std::string host_value() {
  return std::string(trimmed(read_file(SysctlTree().file_of(kHostKey))));
}

// One more than the host has now: harmless, and held for milliseconds.
SysctlSpec with_host_change() {
  SysctlSpec sysctls;
  sysctls.host.emplace(kHostKey, std::to_string(std::stol(host_value()) + 1));
  return sysctls;
}

sockaddr_storage address_of(const Lab& lab, Side side, Family family, std::uint16_t port,
                            std::uint32_t client = 0) {
  sockaddr_storage storage{};
  const auto text = lab.address(side, family, client);
  if (family == Family::ipv4) {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &address.sin_addr), 1);
  } else {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1);
  }
  return storage;
}

Fd open_socket(const Netns& netns, int family) {
  const ScopedNetns inside(netns);
  return Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

Fd listener(const Lab& lab, Side side, Family family, std::uint16_t port = kPort,
            std::uint32_t client = 0) {
  const auto address = address_of(lab, side, family, port, client);
  Fd fd = open_socket(lab.netns(side, client), address.ss_family);
  const int yes = 1;  // a connection before may have left the port in TIME_WAIT
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << errno_text(errno);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

int connect_to(const Fd& fd, const sockaddr_storage& address) {
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
             ? 0
             : errno;
}

class LabTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  Guardian start_guardian() const { return Guardian::start(root(), probe_program().get()); }
  std::filesystem::path root() const { return folder_.path() / "run"; }

  // What a run of this root, and any cgroup of its, left; sentences.
  std::vector<std::string> remnants(const std::string& run_id) const {
    std::vector<std::string> found;
    for (const auto& remnant : leftovers(root())) {
      const bool ours = remnant.kind == Remnant::Kind::run || remnant.kind == Remnant::Kind::link ||
                        remnant.name.find(run_id) != std::string::npos;
      if (ours) found.push_back(to_text(remnant));
    }
    return found;
  }

  TemporaryFolder folder_;
};

TEST_F(LabTest, GoesUpAndDownAndLeavesNothing) {
  const auto before = host_value();
  NamespaceWatch namespaces;
  auto guardian = start_guardian();
  const auto run_id = guardian.run_id();
  LabSpec spec;
  spec.tcp_memory_limit.server = Bytes{std::uint64_t{1} << 20};
  const auto sysctls = with_host_change();
  Lab lab(spec, sysctls, guardian);
  namespaces.add(lab.netns(Side::client).fd());
  namespaces.add(lab.netns(Side::server).fd());
  EXPECT_EQ(namespaces.alive(), 2U);
  EXPECT_EQ(host_value(), sysctls.host.at(kHostKey));
  EXPECT_THAT(remnants(run_id), SizeIs(2)) << "its folder and its cgroup";
  EXPECT_THAT(remnants(run_id), Each(HasSubstr("in use")));

  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_EQ(host_value(), before);
  EXPECT_TRUE(namespaces.all_gone(Deadline(10s)));
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  const auto guardian_pid = guardian.pid();
  EXPECT_THAT(guardian.finish(), IsEmpty());
  EXPECT_EQ(::kill(guardian_pid, 0), -1);
  EXPECT_THAT(remnants(run_id), IsEmpty());
}

TEST_F(LabTest, AThrowAtAnyStepOfSetUpLeavesNothing) {
  const auto before = host_value();
  LabSpec spec;
  spec.tcp_memory_limit.server = Bytes{std::uint64_t{1} << 20};
  spec.tcp_memory_limit.client = Bytes{std::uint64_t{1} << 20};
  const auto steps = lab_steps();
  const auto first = std::find(steps.begin(), steps.end(), "host_turn_taken");
  const auto last = std::find(steps.begin(), steps.end(), "lab_up");
  ASSERT_LT(first, last);
  for (auto at = first; at <= last; ++at) {
    if (at->starts_with("device")) continue;  // this lab has no ports
    auto guardian = start_guardian();
    LabOptions options;
    options.hook = [&](std::string_view step) {
      if (step == *at) throw Error(ErrorKind::interrupted, "stop", *at);
    };
    try {
      const Lab lab(spec, with_host_change(), guardian, options);
      ADD_FAILURE() << "not thrown at " << *at;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), "stop: " + std::string(*at));
      EXPECT_EQ(error.kind(), ErrorKind::interrupted);
    }
    EXPECT_EQ(host_value(), before) << *at;
    EXPECT_THAT(remnants(guardian.run_id()), SizeIs(1)) << "only its folder, at " << *at;
    EXPECT_THAT(guardian.finish(), IsEmpty()) << *at;
  }
}

// With the server; `which` is the client at the other end.
void exchange(const Lab& lab, Family family, Side side, std::uint32_t which = 0) {
  const auto server = listener(lab, side, family, kPort, side == Side::client ? which : 0);
  const auto target = address_of(lab, side, family, kPort, which);
  const auto client =
      open_socket(lab.netns(other(side), side == Side::client ? 0 : which), target.ss_family);
  const auto begin = mono_now();
  ASSERT_EQ(connect_to(client, target), 0) << name_of(family) << " to " << name_of(side);
  // A SYN, or a question who has the address, that is lost comes again after 1 s.
  EXPECT_LT(mono_now() - begin, 900ms) << name_of(family) << " to " << name_of(side);
  const Fd peer(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_EQ(::write(client.get(), "hello", 5), 5);
  std::array<char, 8> text{};
  EXPECT_EQ(::read(peer.get(), text.data(), text.size()), 5);
}

TEST_F(LabTest, TrafficPassesBothWaysAtOnce) {
  auto guardian = start_guardian();
  // Each pair is the first to use its lab in turn.
  for (int i = 0; i < 12; ++i) {
    const Lab lab({}, {}, guardian);
    const auto family = i % 2 == 0 ? Family::ipv4 : Family::ipv6;
    const auto side = i % 4 < 2 ? Side::client : Side::server;
    exchange(lab, family, side);
    exchange(lab, family, other(side));
  }
}

TEST_F(LabTest, HasNoAddressThatNobodyGaveIt) {
  auto guardian = start_guardian();
  const Lab lab({}, {}, guardian);
  for (const auto side : {Side::client, Side::server}) {
    const ScopedNetns inside(lab.netns(side));
    const auto addresses = read_file("/proc/thread-self/net/if_inet6");
    EXPECT_EQ(std::count(addresses.begin(), addresses.end(), '\n'), 2) << addresses;
    EXPECT_THAT(addresses, Not(HasSubstr("fe80")));
  }
}

TEST_F(LabTest, ThereIsNoWayOut) {
  auto guardian = start_guardian();
  const Lab lab({}, {}, guardian);
  sockaddr_storage outside{};
  auto& address = reinterpret_cast<sockaddr_in&>(outside);
  address.sin_family = AF_INET;
  address.sin_port = htons(kPort);
  ::inet_pton(AF_INET, "192.0.2.1", &address.sin_addr);
  for (const auto side : {Side::client, Side::server}) {
    EXPECT_EQ(connect_to(open_socket(lab.netns(side), AF_INET), outside), ENETUNREACH);
  }
}

TEST_F(LabTest, TwoAtOnceDoNotMeet) {
  auto first_guardian = start_guardian();
  auto second_guardian = start_guardian();
  EXPECT_NE(first_guardian.run_id(), second_guardian.run_id());
  LabSpec spec;
  spec.tcp_memory_limit.server = Bytes{std::uint64_t{1} << 20};
  Lab first(spec, {}, first_guardian);
  Lab second(spec, {}, second_guardian);
  const auto server = listener(first, Side::server, Family::ipv4);
  const auto target = address_of(first, Side::server, Family::ipv4, kPort);
  EXPECT_EQ(connect_to(open_socket(second.netns(Side::client), AF_INET), target), ECONNREFUSED);
  EXPECT_NE(first.cgroup_procs(Side::server), second.cgroup_procs(Side::server));

  EXPECT_THAT(second.tear_down(), IsEmpty());
  EXPECT_THAT(second_guardian.finish(), IsEmpty());
  EXPECT_EQ(connect_to(open_socket(first.netns(Side::client), AF_INET), target), 0);
}

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

TEST_F(LabTest, TheWindowsSysctlsHoldWithinItAlone) {
  const auto before = host_value();
  auto guardian = start_guardian();
  SysctlSpec sysctls;
  sysctls.window = with_host_change().host;
  Lab lab({}, sysctls, guardian);
  EXPECT_EQ(host_value(), before);
  lab.open_window();
  EXPECT_EQ(host_value(), sysctls.window.at(kHostKey));
  EXPECT_THAT(lab.close_window(), IsEmpty());
  EXPECT_EQ(host_value(), before);
  lab.open_window();
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_EQ(host_value(), before);
}

TEST_F(LabTest, AWindowsValueThatTheKernelRefusesLeavesTheHostAsItWas) {
  const auto before = host_value();
  auto guardian = start_guardian();
  SysctlSpec sysctls;
  sysctls.window = with_host_change().host;
  sysctls.window.emplace("net.core.rps_sock_flow_entries", "-7");
  Lab lab({}, sysctls, guardian);
  EXPECT_THROW(lab.open_window(), Error);
  EXPECT_THAT(lab.close_window(), IsEmpty());
  EXPECT_EQ(host_value(), before);
}

TEST_F(LabTest, OptionalSysctlsThatCannotBeAreLeftOutAndSaid) {
  const auto before = host_value();
  auto guardian = start_guardian();
  SysctlSpec sysctls;
  sysctls.side.server = {{"net.ipv4.no_such", "1"}, {"net.ipv4.tcp_sack", "0"}};
  sysctls.host = {{kHostKey, "many"}};
  sysctls.window = {{"net.core.no_such", "1"}};
  sysctls.optional = {"net.ipv4.no_such", "net.ipv4.tcp_sack", kHostKey, "net.core.no_such"};
  Lab lab({}, sysctls, guardian);
  lab.open_window();
  const auto left_out = lab.sysctl_left_out();
  EXPECT_THAT(left_out, SizeIs(3));
  EXPECT_THAT(left_out.at("server net.ipv4.no_such"), HasSubstr("there is no such sysctl"));
  EXPECT_THAT(left_out.at(std::string("host ") + kHostKey), HasSubstr("the kernel refuses 'many'"));
  EXPECT_THAT(left_out.at("host net.core.no_such"), HasSubstr("there is no such sysctl"));
  EXPECT_EQ(host_value(), before);
  const ScopedNetns inside(lab.netns(Side::server));
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/tcp_sack"), "0\n");
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

TEST_F(LabTest, SysctlsHoldOnTheirSideOnly) {
  const auto host = read_file("/proc/sys/net/ipv4/tcp_wmem");
  auto guardian = start_guardian();
  SysctlSpec sysctls;
  sysctls.side.server.emplace("net.ipv4.tcp_wmem", "4096 16385 4194305");
  sysctls.side.client.emplace("net.ipv4.tcp_rmem", "4096 131073 6291457");
  const Lab lab({}, sysctls, guardian);
  const auto read_in = [&](Side side, const char* file) {
    const ScopedNetns inside(lab.netns(side));
    return read_file(file);
  };
  EXPECT_EQ(read_in(Side::server, "/proc/sys/net/ipv4/tcp_wmem"), "4096\t16385\t4194305\n");
  EXPECT_EQ(read_in(Side::client, "/proc/sys/net/ipv4/tcp_rmem"), "4096\t131073\t6291457\n");
  EXPECT_EQ(read_in(Side::client, "/proc/sys/net/ipv4/tcp_wmem"), host);
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/tcp_wmem"), host);

  // What a socket made now starts with: tcp_wmem[1].
  const auto fd = open_socket(lab.netns(Side::server), AF_INET);
  int sndbuf = 0;
  socklen_t length = sizeof sndbuf;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &sndbuf, &length);
  EXPECT_EQ(sndbuf, 16385);
}

TEST_F(LabTest, AHostWideKeyOnASideIsRefusedAndTheHostUnchanged) {
  // Absent in a namespace, read-only in it, not of the network at all.
  for (const auto* key : {"net.ipv4.tcp_mem", "net.core.wmem_max", "vm.max_map_count"}) {
    const auto file = SysctlTree().file_of(key);
    const auto before = read_file(file);
    auto guardian = start_guardian();
    SysctlSpec sysctls;
    sysctls.side.server.emplace(key, std::string(trimmed(before)));
    try {
      const Lab lab({}, sysctls, guardian);
      ADD_FAILURE() << "no error for " << key;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_THAT(error.what(), AllOf(HasSubstr(key), HasSubstr("whole machine's")));
      EXPECT_THAT(error.remedy(), HasSubstr("--allow-host-sysctl"));
    }
    EXPECT_EQ(read_file(file), before);
  }
}

TEST_F(LabTest, ARefusedOrChangedValueIsSaidAndTheOldOneBack) {
  const auto netns = Netns::create();
  // A new namespace copies the initial one's.
  const auto before = read_file("/proc/sys/net/ipv4/tcp_rmem");
  struct Case {
    const char* key;
    const char* value;
    const char* cause;
  };
  const std::array cases{
      Case{"net.ipv4.tcp_rmem", "abc", "the kernel refuses 'abc': Invalid argument"},
      Case{"net.ipv4.tcp_rmem", "4096 8192 16384 32768",
           "the kernel takes only a part of '4096 8192 16384 32768'"},
      Case{"net.ipv4.tcp_rmem", "4096 8192", "the kernel made '4096 8192 "},
      Case{"net.ipv4.tcp_congestion_control", "nosuch", "the kernel refuses 'nosuch'"},
      Case{"net.ipv4.tcp_rmen", "1", "there is no such sysctl"},
      Case{"net.ipv4.tcp_available_congestion_control", "reno", "read-only"},
  };
  for (const auto& wrong : cases) {
    try {
      write_side_sysctls({}, netns, Side::client, {{wrong.key, wrong.value}});
      ADD_FAILURE() << "no error for " << wrong.key;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_THAT(error.what(), HasSubstr(std::string("set ") + wrong.key + " in client: "));
      EXPECT_THAT(error.what(), HasSubstr(wrong.cause));
    }
  }
  const ScopedNetns inside(netns);
  EXPECT_EQ(read_file("/proc/sys/net/ipv4/tcp_rmem"), before);
}

// The kernel's own answer, also to root, is a bare EPERM.
TEST_F(LabTest, ACongestionControlThatNamespacesMayNotHaveIsSaid) {
  const auto words = [](const char* key) {
    std::istringstream text(read_file(SysctlTree().file_of(key)));
    return std::set<std::string>(std::istream_iterator<std::string>(text), {});
  };
  auto refused = words("net.ipv4.tcp_available_congestion_control");
  for (const auto& name : words("net.ipv4.tcp_allowed_congestion_control")) refused.erase(name);
  if (refused.empty()) GTEST_SKIP() << "this host allows every congestion control that it has";
  try {
    write_side_sysctls({}, Netns::create(), Side::client,
                       {{"net.ipv4.tcp_congestion_control", *refused.begin()}});
    ADD_FAILURE() << "no error for " << *refused.begin();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("only what net.ipv4.tcp_allowed_congestion_control"));
    EXPECT_THAT(error.remedy(), HasSubstr("sysctl -w net.ipv4.tcp_allowed_congestion_control="));
    EXPECT_THAT(error.remedy(), HasSubstr(*refused.begin()));
  }
}

TEST_F(LabTest, TheHostTurnKeepsAnotherLabOut) {
  auto guardian = start_guardian();
  auto other_guardian = start_guardian();
  const Lab changer({}, with_host_change(), guardian);
  int asked = 0;
  LabOptions options;
  options.interrupted = [&] { return ++asked == 2; };
  try {
    const Lab lab({}, {}, other_guardian, options);
    ADD_FAILURE() << "two labs while one changes the host";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::interrupted);
  }
}

// Runs `body` in a child process that is in a side's cgroup and namespace, as a
// worker is; it is killed and reaped at the end.
class Inmate {
 public:
  template <class Body>
  Inmate(const Lab& lab, Side side, Body body) : pid_(::fork()) {
    if (pid_ != 0) return;
    for (const auto& procs : lab.cgroup_procs(side)) write_kernel_file(procs, "0");
    const ScopedNetns inside(lab.netns(side));
    body();
    for (;;) ::pause();
  }
  Inmate(const Inmate&) = delete;
  Inmate& operator=(const Inmate&) = delete;
  ~Inmate() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  pid_t pid_;
};

// Fills a connection to a listener that never accepts, and leaves it open; returns
// what was taken.
std::uint64_t fill(const sockaddr_storage& target, int sndbuf) {
  Fd fd(::socket(target.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &sndbuf, sizeof sndbuf);
  if (connect_to(fd, target) != 0) return 0;
  const std::string data(4096, 'x');
  std::uint64_t taken = 0;
  for (;;) {
    const auto sent = ::send(fd.get(), data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent <= 0) break;
    taken += static_cast<std::uint64_t>(sent);
  }
  fd.release();
  return taken;
}

std::uint64_t bytes_taken_under(const Lab& lab) {
  const auto server = listener(lab, Side::client, Family::ipv4);
  const auto target = address_of(lab, Side::client, Family::ipv4, kPort);
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd answers(ends[0]);
  Fd answer(ends[1]);
  const Inmate sender(lab, Side::server, [&] {
    const auto taken = fill(target, 8 << 20);
    static_cast<void>(!::write(answer.get(), &taken, sizeof taken));
  });
  answer.reset();
  std::uint64_t taken = 0;
  EXPECT_EQ(::read(answers.get(), &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
  return taken;
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

TEST_F(LabTest, TheTcpMemoryLimitReallyLimits) {
  if (const auto why = why_no_tcp_memory_limit()) GTEST_SKIP() << *why;
  constexpr Bytes kLimit{std::uint64_t{1} << 20};
  std::uint64_t unlimited = 0;
  {
    auto guardian = start_guardian();
    const Lab lab({}, {}, guardian);
    EXPECT_THAT(lab.memory_limit(), IsEmpty());
    EXPECT_THAT(lab.cgroup_procs(Side::server), IsEmpty());
    unlimited = bytes_taken_under(lab);
  }
  auto guardian = start_guardian();
  LabSpec spec;
  spec.tcp_memory_limit.server = Bytes{kLimit.count + 100};
  Lab lab(spec, {}, guardian);
  EXPECT_EQ(lab.memory_limit().at("server"), "cgroup v1 kmem.tcp, 1048576 bytes");
  EXPECT_THAT(lab.memory_limit(), SizeIs(1));
  const auto limited = bytes_taken_under(lab);
  EXPECT_GT(unlimited, 4 * kLimit.count);
  EXPECT_LT(limited, 2 * kLimit.count);
  EXPECT_GT(limited, 0U);
  const auto cgroup = std::filesystem::path(lab.cgroup_procs(Side::server).at(0)).parent_path();
  const auto most = parse_bytes(trimmed(read_file(cgroup / "memory.kmem.tcp.max_usage_in_bytes")));
  EXPECT_GT((*most).count, kLimit.count / 2);
  EXPECT_LT((*most).count, 2 * kLimit.count);
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(cgroup));
}

TEST_F(LabTest, SocketsThatOutliveTheirProcessAreEnded) {
  auto guardian = start_guardian();
  NamespaceWatch namespaces;
  Lab lab({}, {}, guardian);
  namespaces.add(lab.netns(Side::client).fd());
  namespaces.add(lab.netns(Side::server).fd());
  const auto target = address_of(lab, Side::client, Family::ipv4, kPort);
  auto server = listener(lab, Side::client, Family::ipv4);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd answers(ends[0]);
  Fd answer(ends[1]);
  Inmate sender(lab, Side::server, [&] {
    const auto taken = fill(target, 1 << 20);
    static_cast<void>(!::write(answer.get(), &taken, sizeof taken));
  });
  answer.reset();
  std::uint64_t taken = 0;
  ASSERT_EQ(::read(answers.get(), &taken, sizeof taken), static_cast<ssize_t>(sizeof taken));
  // Its connection has data that the other end's full window does not take.
  sender.end();
  EXPECT_EQ(tcp_sockets_in(lab.netns(Side::server)), 1U);
  // That end stays: nothing resets the orphan, it would probe for minutes.
  const auto begin = mono_now();
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_LT(mono_now() - begin, 5s);
  server.reset();
  EXPECT_TRUE(namespaces.all_gone(Deadline(10s)));
}

TEST_F(LabTest, WhoIsStillInANamespaceIsSaid) {
  auto guardian = start_guardian();
  LabOptions options;
  options.patience = 10ms;
  Lab lab({}, {}, guardian, options);
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const Fd answers(ends[0]);
  const Fd answer(ends[1]);
  const Inmate forgotten(lab, Side::server, [&] {
    static_cast<void>(listener(lab, Side::server, Family::ipv4).release());
    static_cast<void>(!::write(answer.get(), "r", 1));
  });
  char byte = 0;
  ASSERT_EQ(::read(answers.get(), &byte, 1), 1);
  EXPECT_THAT(lab.tear_down(), ElementsAre(HasSubstr("is still in the server's namespace")));
}

}  // namespace
}  // namespace netstall
