// Where a memory cgroup of ours can be made, from the files that say it.
#include "bench/lab/tcp_memory_cgroup.hpp"

#include <gmock/gmock.h>

#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

constexpr std::string_view kV1Mounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
    "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 master:1 - cgroup cgroup rw,memory\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

TEST(FindMemoryCgroup, JoinsMountAndOwnPath) {
  const auto found = find_memory_cgroup(kV1Mounts, "9:cpu:/x\n4:memory:/api/f3de\n0::/\n");
  ASSERT_TRUE(found.folder.has_value()) << found.why_not;
  EXPECT_EQ(*found.folder, "/sys/fs/cgroup/memory/api/f3de");
}

TEST(FindMemoryCgroup, TheRootGroupIsTheMountItself) {
  const auto found = find_memory_cgroup(kV1Mounts, "4:memory:/\n");
  ASSERT_TRUE(found.folder.has_value()) << found.why_not;
  EXPECT_EQ(found.folder->lexically_relative("/sys/fs/cgroup/memory"), ".");
}

TEST(FindMemoryCgroup, ControllersCanShareAMountAndAPathHoldColons) {
  const auto found = find_memory_cgroup(
      "7 1 0:1 / /cg/cpu\\040mem rw - cgroup cgroup rw,cpu,memory\n", "4:cpu,memory:/a:b\n");
  ASSERT_TRUE(found.folder.has_value()) << found.why_not;
  EXPECT_EQ(*found.folder, "/cg/cpu mem/a:b");
}

TEST(FindMemoryCgroup, InAContainerOnlyAPartIsMounted) {
  constexpr std::string_view kPart = "7 1 0:1 /docker/1 /cg/memory rw - cgroup cgroup rw,memory\n";
  EXPECT_EQ(find_memory_cgroup(kPart, "4:memory:/docker/1/job\n").folder, "/cg/memory/job");
  EXPECT_THAT(find_memory_cgroup(kPart, "4:memory:/docker/12\n").why_not, HasSubstr("outside"));
}

TEST(FindMemoryCgroup, CgroupV2AloneHasNone) {
  const auto found = find_memory_cgroup("29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                        "0::/user.slice\n");
  EXPECT_EQ(found.folder, std::nullopt);
  EXPECT_EQ(found.why_not, "no cgroup v1 memory controller is mounted");
}

TEST(WhyNoMemoryLimit, SaysHowToSeeSuchACellOtherwise) {
  const TemporaryFolder proc;
  proc.add("self/mountinfo", "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  proc.add("self/cgroup", "0::/user.slice\n");
  const auto why = why_no_memory_limit(proc.path());
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr("no cgroup v1 memory controller"));
  EXPECT_THAT(*why, HasSubstr("net.ipv4.tcp_mem"));
  EXPECT_THAT(*why, HasSubstr("guest"));
}

TEST(WhyNoMemoryLimit, AControllerWithoutKmemTcpWillNotDo) {
  const TemporaryFolder folder;
  const auto cgroups = folder.path() / "cg";
  folder.add("self/mountinfo", "7 1 0:1 / " + cgroups.string() + " rw - cgroup cgroup rw,memory\n");
  folder.add("self/cgroup", "4:memory:/job\n");
  const auto without = folder.add("cg/job/memory.usage_in_bytes", "0\n");
  const auto why = why_no_memory_limit(folder.path());
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr("without kmem.tcp"));
  folder.add("cg/job/memory.kmem.tcp.usage_in_bytes", "0\n");
  EXPECT_EQ(why_no_memory_limit(folder.path()), std::nullopt);
}

}  // namespace
}  // namespace netstall
