#include "bench/observe/checks.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

std::vector<std::string> with_result(const std::vector<Check>& checks, CheckResult result) {
  std::vector<std::string> names;
  for (const auto& check : checks) {
    if (check.result == result) names.push_back(check.name);
  }
  return names;
}

Check named_check(const MachineCopy& machine, const std::string& name) {
  for (auto& check : host_checks(machine.root())) {
    if (check.name == name) return check;
  }
  ADD_FAILURE() << "no check " << name;
  return {};
}

TEST(HostChecks, OfAVirtualMachine) {
  const auto checks = host_checks(vm_machine());
  EXPECT_THAT(with_result(checks, CheckResult::fail), IsEmpty());
  EXPECT_THAT(with_result(checks, CheckResult::warn),
              ElementsAre("tracefs", "descriptors", "threads", "cores", "virtualised"));
}

TEST(HostChecks, OfAServerWithAllThatSpoilsFigures) {
  const auto checks = host_checks(server_machine());
  EXPECT_THAT(with_result(checks, CheckResult::fail), IsEmpty());
  EXPECT_THAT(with_result(checks, CheckResult::pass),
              UnorderedElementsAre("kernel", "tracefs", "descriptors", "cores", "virtualised"));
}

TEST(HostChecks, EachIsASentenceWithAMend) {
  for (const auto& machine : {vm_machine(), server_machine()}) {
    std::set<std::string> names;
    for (const auto& check : host_checks(machine)) {
      EXPECT_TRUE(names.insert(check.name).second) << check.name << " is there twice";
      EXPECT_EQ(check.finding.back(), '.') << check.finding;
      EXPECT_EQ(check.mend.empty(), check.result == CheckResult::pass) << check.name;
    }
  }
}

TEST(HostChecks, Privileges) {
  const MachineCopy machine(vm_machine());
  // All but CAP_SYS_ADMIN (21), with CAP_PERFMON and CAP_BPF.
  machine.write("proc/self/status", "CapEff:\t000001ffffdfffff\nCpus_allowed_list:\t0-1\n");
  auto check = named_check(machine, "privileges");
  EXPECT_EQ(check.result, CheckResult::warn);
  EXPECT_EQ(check.finding, "This process lacks CAP_SYS_ADMIN.");
  // CAP_SYS_ADMIN stands in for CAP_PERFMON (38) and CAP_BPF (39).
  machine.write("proc/self/status", "CapEff:\t0000000000ffffff\nCpus_allowed_list:\t0-1\n");
  EXPECT_EQ(named_check(machine, "privileges").result, CheckResult::pass);
}

TEST(HostChecks, Kernels) {
  const MachineCopy machine(vm_machine());
  const std::vector<std::pair<const char*, CheckResult>> cases{
      {"4.19.0-26-amd64", CheckResult::fail},
      {"5.13.19", CheckResult::fail},
      {"5.14.0-427.el9", CheckResult::warn},
      {"5.15.0", CheckResult::warn},
      {"6.1.0-29-amd64", CheckResult::pass},
      {"6.12-rc1", CheckResult::pass},
      {"7.2.0", CheckResult::pass},
      {"unknown", CheckResult::warn},
      {"6", CheckResult::warn}};
  for (const auto& [release, result] : cases) {
    machine.write("proc/sys/kernel/osrelease", release);
    EXPECT_EQ(named_check(machine, "kernel").result, result) << release;
  }
}

TEST(HostChecks, Thresholds) {
  const MachineCopy machine(vm_machine());
  const auto result_with = [&](const char* name, const char* file, const char* text) {
    machine.write(file, text);
    return named_check(machine, name).result;
  };
  const std::string processes = "Max processes unlimited unlimited\n";
  EXPECT_EQ(result_with("descriptors", "proc/self/limits",
                        (processes + "Max open files 1024 65535 files\n").c_str()),
            CheckResult::warn);
  EXPECT_EQ(result_with("descriptors", "proc/self/limits",
                        (processes + "Max open files 1024 65536 files\n").c_str()),
            CheckResult::pass);
  EXPECT_EQ(result_with("threads", "proc/sys/kernel/pid_max", "4194304\n"), CheckResult::pass);
  EXPECT_EQ(result_with("load", "proc/loadavg", "0.50 0 0 1/95 1\n"), CheckResult::pass);
  EXPECT_EQ(result_with("load", "proc/loadavg", "0.51 0 0 1/95 1\n"), CheckResult::warn);
  EXPECT_EQ(result_with("swap", "proc/meminfo", "MemAvailable: 9 kB\nSwapTotal: 4 kB\n"),
            CheckResult::warn);
  EXPECT_EQ(result_with("governor", "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
                        "schedutil\n"),
            CheckResult::warn);
  EXPECT_EQ(result_with("governor", "sys/devices/system/cpu/cpufreq/policy0/scaling_governor",
                        "performance\n"),
            CheckResult::pass);
  EXPECT_EQ(result_with("smt", "sys/devices/system/cpu/smt/active", "1\n"), CheckResult::warn);
  EXPECT_EQ(result_with("turbo", "sys/devices/system/cpu/cpufreq/boost", "1\n"), CheckResult::warn);
  EXPECT_EQ(result_with("cpu_quota", "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"),
            CheckResult::warn);
  EXPECT_EQ(result_with("tcp_memory", "proc/sys/net/ipv4/tcp_mem", "10 20 30\n"),
            CheckResult::warn);
  machine.remove("proc/sys/net/ipv4/tcp_mem");
  EXPECT_THAT(named_check(machine, "tcp_memory").finding, HasSubstr("TCP memory is not known"));
}

TEST(HostChecks, TcpMemoryLimitsNeedVersionOne) {
  const MachineCopy machine(vm_machine());
  EXPECT_EQ(named_check(machine, "cgroup_tcp_memory").result, CheckResult::pass);
  machine.remove("sys/fs/cgroup/memory/lab/memory.kmem.tcp.limit_in_bytes");
  EXPECT_EQ(named_check(machine, "cgroup_tcp_memory").result, CheckResult::warn);
  machine.write("proc/self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n");
  EXPECT_EQ(named_check(machine, "cgroup_tcp_memory").finding,
            "No memory controller of cgroups is mounted.");
  EXPECT_THAT(named_check(machine, "cgroup_tcp_memory").mend, Not(HasSubstr("memory_limit sets")));
  EXPECT_THAT(named_check(MachineCopy(server_machine()), "cgroup_tcp_memory").mend,
              HasSubstr("; memory_limit sets v2's limits"));
}

}  // namespace
}  // namespace netstall
