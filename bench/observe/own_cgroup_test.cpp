#include "bench/observe/own_cgroup.hpp"

#include <gtest/gtest.h>

#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

constexpr const char* kMounts = "proc/self/mountinfo";
constexpr const char* kCgroups = "proc/self/cgroup";

TEST(OwnCgroup, LevelsOfVersionOne) {
  const auto memory = own_cgroup(SystemFiles(vm_machine()), "memory");
  ASSERT_TRUE(memory);
  const auto top = vm_machine() / "sys/fs/cgroup/memory";
  EXPECT_EQ(memory->version, 1);
  EXPECT_EQ(memory->levels, (std::vector{top / "lab", top}));
}

TEST(OwnCgroup, LevelsOfVersionTwo) {
  const auto memory = own_cgroup(SystemFiles(server_machine()), "memory");
  ASSERT_TRUE(memory);
  const auto top = server_machine() / "sys/fs/cgroup";
  EXPECT_EQ(memory->version, 2);
  EXPECT_EQ(memory->levels,
            (std::vector{top / "system.slice/bench.service", top / "system.slice", top}));
}

TEST(OwnCgroup, AControllerThatIsNotThere) {
  // Version 2 is mounted there, but has only hugetlb.
  EXPECT_FALSE(own_cgroup(SystemFiles(vm_machine()), "io"));
  EXPECT_FALSE(own_cgroup(SystemFiles(server_machine()), "devices"));
  // "cpu" is not in "cpuset".
  const MachineCopy machine(vm_machine());
  machine.write(kMounts, "34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n");
  EXPECT_FALSE(own_cgroup(SystemFiles(machine.root()), "cpu"));
}

TEST(OwnCgroup, AMountThatShowsPartOfTheHierarchy) {
  const MachineCopy machine(vm_machine());
  machine.write(kMounts,
                "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  machine.write(kCgroups, "4:memory:/docker/abc/job\n");
  const auto inside = own_cgroup(SystemFiles(machine.root()), "memory");
  ASSERT_TRUE(inside);
  EXPECT_EQ(inside->levels.front(), machine.root() / "sys/fs/cgroup/memory/job");
  machine.write(kCgroups, "4:memory:/docker/abc\n");
  const auto at_top = own_cgroup(SystemFiles(machine.root()), "memory");
  ASSERT_TRUE(at_top);
  EXPECT_EQ(at_top->levels, (std::vector{machine.root() / "sys/fs/cgroup/memory"}));
  // Another container's: its limits are not ours.
  machine.write(kCgroups, "4:memory:/docker/abcdef\n");
  EXPECT_FALSE(own_cgroup(SystemFiles(machine.root()), "memory"));
}

TEST(OwnCgroup, NoLimitIsNone) {
  const SystemFiles files(vm_machine());
  EXPECT_FALSE(cgroup_memory_limit(*own_cgroup(files, "memory")));
  EXPECT_FALSE(cgroup_memory_left(*own_cgroup(files, "memory")));
  EXPECT_FALSE(cgroup_pids_limit(*own_cgroup(files, "pids")));
  EXPECT_FALSE(cgroup_cpu_quota(*own_cgroup(files, "cpu")));
}

TEST(OwnCgroup, TheTightestLevelHolds) {
  const SystemFiles files(server_machine());
  const auto memory = *own_cgroup(files, "memory");
  EXPECT_EQ(cgroup_memory_limit(memory), 8589934592U);
  EXPECT_EQ(cgroup_memory_left(memory), 8589934592U - (3000000000U - 900000000U));
  const auto pids = *own_cgroup(files, "pids");
  // The unit's limit is smaller, but the slice has less left.
  EXPECT_EQ(cgroup_pids_limit(pids), 77000U);
  EXPECT_EQ(cgroup_pids_left(pids), 10000U);
  EXPECT_EQ(cgroup_cpu_quota(*own_cgroup(files, "cpu")), 6.5);
}

TEST(OwnCgroup, LimitsOfVersionOne) {
  const MachineCopy machine(vm_machine());
  machine.write("sys/fs/cgroup/memory/memory.limit_in_bytes", "1000000000\n");
  machine.write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "150000\n");
  const SystemFiles files(machine.root());
  EXPECT_EQ(cgroup_memory_limit(*own_cgroup(files, "memory")), 1000000000U);
  EXPECT_EQ(cgroup_memory_left(*own_cgroup(files, "memory")),
            1000000000U - (800153600U - 540000256U));
  EXPECT_EQ(cgroup_cpu_quota(*own_cgroup(files, "cpu")), 1.5);
}

TEST(OwnCgroup, MoreUsedThanAllowedLeavesNothing) {
  const MachineCopy machine(vm_machine());
  machine.write("sys/fs/cgroup/memory/lab/memory.limit_in_bytes", "1000\n");
  EXPECT_EQ(cgroup_memory_left(*own_cgroup(SystemFiles(machine.root()), "memory")), 0U);
}

}  // namespace
}  // namespace netstall
