// The lab: what it makes works, and nothing of it is left, however it ends.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/lab_fixture_test.hpp"
#include "bench/lab/namespace_users.hpp"
#include "bench/lab/namespace_watch_test.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

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
