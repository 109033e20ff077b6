#include "bench/observe/environment.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Machine, AVirtualMachine) {
  EXPECT_THAT(
      read_machine(vm_machine()),
      ElementsAre(
          Pair("cgroup.memory_controller", "v1"), Pair("cgroup.version", "v1 and v2"),
          Pair("clock.source", "tsc"), Pair("cpu.count", "2"), Pair("cpu.microcode", "0x1000065"),
          Pair("cpu.mitigation.meltdown", "Not affected"),
          Pair("cpu.mitigation.spec_store_bypass", "Vulnerable"),
          Pair("cpu.mitigation.spectre_v2",
               "Mitigation: Retpolines; STIBP: disabled; RSB filling; PBRSB-eIBRS: Not "
               "affected; BHI: Not affected"),
          Pair("cpu.model", "AMD EPYC"), Pair("cpu.online", "0-1"), Pair("cpu.smt", "off"),
          Pair("kernel.architecture", "x86_64"), Pair("kernel.btf", "present"),
          Pair("kernel.command_line", "console=ttyS0 quiet mitigations=auto psi=1"),
          Pair("kernel.release", "6.18.44"), Pair("kernel.version", "#1 SMP PREEMPT_DYNAMIC @0"),
          Pair("load.15m", "0.11"), Pair("load.1m", "0.41"), Pair("load.5m", "0.25"),
          Pair("memory.available_bytes", testing::_), Pair("memory.swap_bytes", "0"),
          Pair("memory.thp", "madvise"), Pair("memory.total_bytes", "25276510208"),
          Pair("numa.nodes", "1"), Pair("virtualised", "yes")));
}

TEST(Machine, AServer) {
  const auto facts = read_machine(server_machine());
  const Environment expected{{"virtualised", "no"},
                             {"cpu.count", "16"},
                             {"cpu.isolated", "14-15"},
                             {"cpu.smt", "on"},
                             {"cpu.turbo", "on"},
                             {"cpu.governor", "performance 1, powersave 2"},
                             {"numa.nodes", "2"},
                             {"kernel.btf", "absent"},
                             {"clock.source", "hpet"},
                             {"cgroup.version", "v2"},
                             {"cgroup.memory_limit_bytes", "8589934592"},
                             {"cgroup.tasks_limit", "77000"},
                             {"cgroup.cpu_quota", "6.5"},
                             {"memory.swap_bytes", "1023406080"}};
  for (const auto& [name, value] : expected) {
    EXPECT_EQ(facts.contains(name) ? facts.at(name) : "absent", value) << name;
  }
}

TEST(Machine, TurboHasTwoFiles) {
  const MachineCopy machine(vm_machine());
  EXPECT_FALSE(read_machine(machine.root()).contains("cpu.turbo"));
  machine.write("sys/devices/system/cpu/cpufreq/boost", "1\n");
  EXPECT_EQ(read_machine(machine.root()).at("cpu.turbo"), "on");
  machine.write("sys/devices/system/cpu/intel_pstate/no_turbo", "1\n");
  EXPECT_EQ(read_machine(machine.root()).at("cpu.turbo"), "off");
}

TEST(Machine, WhatIsNotShownIsLeftOut) {
  const MachineCopy machine(vm_machine());
  machine.remove("sys");
  machine.remove("proc/cpuinfo");
  machine.remove("proc/meminfo");
  machine.remove("proc/loadavg");
  const auto facts = read_machine(machine.root());
  EXPECT_EQ(facts.at("kernel.release"), "6.18.44");
  for (const char* name : {"cpu.model", "cpu.count", "virtualised", "memory.total_bytes", "load.1m",
                           "cpu.smt", "memory.thp", "clock.source"}) {
    EXPECT_FALSE(facts.contains(name)) << name;
  }
  machine.remove("proc");
  EXPECT_THROW(read_machine(machine.root()), Error);
}

TEST(Environment, HasTheHostsSysctlsAndNoSecrets) {
  const auto facts = read_environment(vm_machine());
  EXPECT_EQ(facts.at("sysctl.host.net.ipv4.ip_local_port_range"), "32768 60999");
  EXPECT_EQ(facts.at("sysctl.host.net.ipv4.conf.eth0/100.forwarding"), "0");
  EXPECT_EQ(facts.at("kernel.release"), "6.18.44");
  for (const auto& [name, value] : facts) {
    EXPECT_EQ(name.find("tcp_fastopen_key"), std::string::npos);
    EXPECT_EQ(name.find("stable_secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace netstall
