// Sysctls of a side, of the whole machine, and of the window alone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/socket.h>

#include <array>
#include <set>
#include <sstream>
#include <string>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/lab_fixture_test.hpp"

namespace netstall {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

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

}  // namespace
}  // namespace netstall
