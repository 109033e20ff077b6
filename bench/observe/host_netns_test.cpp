// What doctor, plan and the environment say of the machine that the tests run on.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <map>
#include <string>
#include <thread>

#include "base/file.hpp"
#include "base/netns.hpp"
#include "bench/observe/checks.hpp"
#include "bench/observe/environment.hpp"
#include "bench/observe/limits.hpp"
#include "bench/observe/sysctls.hpp"
#include "bench/observe/tcp_memory.hpp"

namespace netstall {
namespace {

TEST(TrialChecks, PassWhereTheseTestsRun) {
  const auto checks = trial_checks("/proc/self/nothing/of/this");
  std::map<std::string, CheckResult> results;
  for (const auto& check : checks) results[check.name] = check.result;
  EXPECT_EQ(results.at("namespaces"), CheckResult::pass);
  EXPECT_EQ(results.at("veth"), CheckResult::pass);
  EXPECT_EQ(results.at("source_ports"), CheckResult::pass);
  // /proc has no space at all.
  EXPECT_EQ(results.at("disk_space"), CheckResult::fail);
}

TEST(TrialChecks, LeaveNothing) {
  const auto links = read_file("/proc/thread-self/net/dev");
  const auto count_lines = [](const std::string& text) {
    return std::count(text.begin(), text.end(), '\n');
  };
  trial_checks("/tmp");
  EXPECT_EQ(count_lines(read_file("/proc/thread-self/net/dev")), count_lines(links));
}

TEST(HostChecks, OfThisMachine) {
  const auto checks = host_checks();
  const auto privileges = std::find_if(
      checks.begin(), checks.end(), [](const Check& check) { return check.name == "privileges"; });
  ASSERT_NE(privileges, checks.end());
  EXPECT_EQ(privileges->result, CheckResult::pass) << privileges->finding;
}

TEST(Limits, OfThisMachine) {
  const auto limits = read_limits();
  rlimit files{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &files), 0);
  EXPECT_EQ(limits.nofile, files.rlim_max);
  EXPECT_GE(limits.cpus, 1U);
  EXPECT_LE(limits.cpus, std::thread::hardware_concurrency());
  EXPECT_GT(limits.threads, 0U);
  EXPECT_GT(limits.memory_bytes, std::uint64_t{1} << 20);
  EXPECT_EQ(limits.source_ports, kNewNamespacePorts);
}

TEST(Sysctls, OfANamespaceAreItsOwn) {
  const auto netns = Netns::create();
  {
    const ScopedNetns inside(netns);
    ASSERT_EQ(write_kernel_file("/proc/sys/net/ipv4/tcp_wmem", "4096 17000 4194304"), 0);
  }
  const auto host = read_sysctls(std::filesystem::path("/"));
  const auto own = read_sysctls(netns);
  EXPECT_EQ(own.at("net.ipv4.tcp_wmem"), "4096 17000 4194304");
  EXPECT_NE(host.at("net.ipv4.tcp_wmem"), "4096 17000 4194304");
  EXPECT_TRUE(own.contains("net.ipv4.conf.lo.forwarding"));
  // tcp_mem is the machine's: no other namespace has the file.
  EXPECT_TRUE(host.contains("net.ipv4.tcp_mem"));
  EXPECT_FALSE(own.contains("net.ipv4.tcp_mem"));
  for (const auto& [name, value] : host) {
    EXPECT_EQ(name.find("fastopen_key"), std::string::npos);
    EXPECT_EQ(value.find_first_of("\t\n"), std::string::npos) << name;
  }
}

TEST(Environment, OfThisMachine) {
  const auto facts = read_environment();
  EXPECT_EQ(facts.at("kernel.release"), trimmed(read_file("/proc/sys/kernel/osrelease")));
  EXPECT_TRUE(facts.contains("sysctl.host.net.ipv4.tcp_mem"));
  EXPECT_TRUE(facts.contains("memory.total_bytes"));
}

TEST(TcpMemory, OfThisMachine) {
  TcpMemory memory;
  EXPECT_GE(memory.pages(), 0);
  const auto limits = memory.limits();
  EXPECT_LE(limits.low, limits.pressure);
  EXPECT_LE(limits.pressure, limits.high);
  EXPECT_GT(limits.high, 0);
  EXPECT_GE(TcpMemory::page_bytes(), 4096U);
}

}  // namespace
}  // namespace netstall
