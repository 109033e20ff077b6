#include "bench/observe/limits.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <tuple>

#include "base/error.hpp"
#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

TEST(Limits, OfAVirtualMachine) {
  const MachineCopy machine(vm_machine());
  machine.write("proc/meminfo", "MemAvailable:   24243592 kB\n");
  const auto limits = read_limits(machine.root());
  EXPECT_EQ(limits.nofile, 20000U);
  EXPECT_EQ(limits.threads, 32768U - 300U - 95U);
  EXPECT_EQ(limits.maps_per_process, 65530U);
  EXPECT_EQ(limits.cpus, 2U);
  EXPECT_EQ(limits.memory_bytes, 24243592ULL * 1024);
  EXPECT_EQ(limits.source_ports, 28232U);
}

TEST(Limits, OfAServiceWithLimits) {
  const auto limits = read_limits(server_machine());
  EXPECT_EQ(limits.nofile, 1048576U);
  EXPECT_EQ(limits.threads, 10000U);
  EXPECT_EQ(limits.cpus, 14U);
  EXPECT_EQ(limits.memory_bytes, 8589934592U - 2100000000U);
}

TEST(Limits, CpusAreToldByCore) {
  const MachineCopy machine(vm_machine());
  machine.write("proc/self/status", "Cpus_allowed_list:\t0-4,6\n");
  EXPECT_THAT(read_limits(machine.root()).cores, SizeIs(6)) << "nobody tells of siblings";
  // CPU 5 shares a core with 2, and is not ours.
  const std::vector<std::tuple<int, int, const char*>> cpus{
      {0, 1, "0,3"}, {1, 0, "1,4"}, {2, 0, "2,5"}, {3, 1, "0,3"}, {4, 0, "1,4"}, {6, 1, "6"}};
  for (const auto& [cpu, package, siblings] : cpus) {
    const auto topology = fmt::format("sys/devices/system/cpu/cpu{}/topology", cpu);
    machine.write(topology + "/physical_package_id", fmt::format("{}\n", package));
    machine.write(topology + "/thread_siblings_list", fmt::format("{}\n", siblings));
  }
  EXPECT_THAT(read_limits(machine.root()).cores,
              ElementsAre(ElementsAre(1, 4), ElementsAre(2), ElementsAre(0, 3), ElementsAre(6)));
}

TEST(Limits, TheMachineMayHaveLessThanTheCgroupAllows) {
  const MachineCopy machine(server_machine());
  machine.write("proc/meminfo", "MemAvailable: 1000 kB\n");
  EXPECT_EQ(read_limits(machine.root()).memory_bytes, 1024000U);
}

TEST(ThreadBounds, SmallestFirstWithWhatRaisesIt) {
  const auto bounds = thread_bounds(server_machine());
  ASSERT_EQ(bounds.size(), 4U);
  EXPECT_EQ(bounds[0].name, "the cgroup's pids.max");
  EXPECT_EQ(bounds[1].name, "RLIMIT_NPROC");
  EXPECT_EQ(bounds[1].left, 514921U);
  EXPECT_EQ(bounds[2].name, "kernel.threads-max");
  EXPECT_EQ(bounds[2].left, 1029842U - 812U);
  EXPECT_EQ(bounds[3].left, 4194304U - 300U - 812U);
  for (const auto& bound : bounds) EXPECT_FALSE(bound.raise.empty()) << bound.name;
}

TEST(ThreadBounds, UnlimitedIsNone) {
  const MachineCopy machine(vm_machine());
  machine.write("proc/self/limits", "Max processes   unlimited   unlimited   processes\n");
  for (const auto& bound : thread_bounds(machine.root())) EXPECT_NE(bound.name, "RLIMIT_NPROC");
}

TEST(Limits, MalformedFilesAreNamed) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"proc/self/limits", "Max open files\n"}, {"proc/self/limits", "Max processes many many\n"},
      {"proc/sys/kernel/pid_max", "32k\n"},     {"proc/sys/kernel/threads-max", "\n"},
      {"proc/sys/vm/max_map_count", "-1\n"},    {"proc/self/status", "Cpus_allowed_list:\t3-1\n"},
      {"proc/meminfo", "MemAvailable: 12\n"},   {"proc/loadavg", "0.1 0.2 0.3 1 4\n"},
  };
  for (const auto& [file, text] : cases) {
    const MachineCopy machine(vm_machine());
    machine.write(file, text);
    try {
      static_cast<void>(read_limits(machine.root()));
      ADD_FAILURE() << "no Error for " << file << " = " << text;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(file)) << text;
    }
  }
}

}  // namespace
}  // namespace netstall
