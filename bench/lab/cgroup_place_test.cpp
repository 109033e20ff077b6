// Where a memory cgroup of ours can be made, from the files that say it.
#include "bench/lab/cgroup_place.hpp"

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

TEST(FindTcpMemoryPlace, JoinsMountAndOwnPath) {
  const auto found = find_tcp_memory_place(kV1Mounts, "9:cpu:/x\n4:memory:/api/f3de\n0::/\n");
  ASSERT_TRUE(found.folder.has_value()) << found.why_not;
  EXPECT_EQ(*found.folder, "/sys/fs/cgroup/memory/api/f3de");
}

TEST(FindTcpMemoryPlace, TheRootGroupIsTheMountItself) {
  const auto found = find_tcp_memory_place(kV1Mounts, "4:memory:/\n");
  ASSERT_TRUE(found.folder.has_value()) << found.why_not;
  EXPECT_EQ(found.folder->lexically_relative("/sys/fs/cgroup/memory"), ".");
}

TEST(FindTcpMemoryPlace, ControllersCanShareAMountAndAPathHoldColons) {
  const auto found = find_tcp_memory_place(
      "7 1 0:1 / /cg/cpu\\040mem rw - cgroup cgroup rw,cpu,memory\n", "4:cpu,memory:/a:b\n");
  ASSERT_TRUE(found.folder.has_value()) << found.why_not;
  EXPECT_EQ(*found.folder, "/cg/cpu mem/a:b");
}

TEST(FindTcpMemoryPlace, InAContainerOnlyAPartIsMounted) {
  constexpr std::string_view kPart = "7 1 0:1 /docker/1 /cg/memory rw - cgroup cgroup rw,memory\n";
  EXPECT_EQ(find_tcp_memory_place(kPart, "4:memory:/docker/1/job\n").folder, "/cg/memory/job");
  EXPECT_THAT(find_tcp_memory_place(kPart, "4:memory:/docker/12\n").why_not, HasSubstr("outside"));
}

TEST(FindTcpMemoryPlace, CgroupV2AloneHasNone) {
  const auto found = find_tcp_memory_place("29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n",
                                           "0::/user.slice\n");
  EXPECT_EQ(found.folder, std::nullopt);
  EXPECT_EQ(found.why_not, "no cgroup v1 memory controller is mounted");
}

TEST(WhyNoTcpMemoryLimit, SaysHowToSeeSuchACellOtherwise) {
  const TemporaryFolder proc;
  proc.add("self/mountinfo", "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
  proc.add("self/cgroup", "0::/user.slice\n");
  const auto why = why_no_tcp_memory_limit(proc.path());
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr("no cgroup v1 memory controller"));
  EXPECT_THAT(*why, HasSubstr("net.ipv4.tcp_mem"));
  EXPECT_THAT(*why, HasSubstr("guest"));
}

TEST(WhyNoTcpMemoryLimit, AControllerWithoutKmemTcpWillNotDo) {
  const TemporaryFolder folder;
  const auto cgroups = folder.path() / "cg";
  folder.add("self/mountinfo", "7 1 0:1 / " + cgroups.string() + " rw - cgroup cgroup rw,memory\n");
  folder.add("self/cgroup", "4:memory:/job\n");
  const auto without = folder.add("cg/job/memory.usage_in_bytes", "0\n");
  const auto why = why_no_tcp_memory_limit(folder.path());
  ASSERT_TRUE(why.has_value());
  EXPECT_THAT(*why, HasSubstr("without kmem.tcp"));
  folder.add("cg/job/memory.kmem.tcp.usage_in_bytes", "0\n");
  EXPECT_EQ(why_no_tcp_memory_limit(folder.path()), std::nullopt);
}

// A hierarchy of cgroup v2 as files: what the kernel says of each of its groups.
class MemoryPlaceTest : public testing::Test {
 protected:
  void add(const std::string& group, const char* controllers, const char* given,
           const char* processes, const char* type = "domain\n") {
    const auto folder = std::filesystem::path("cg") / group;
    folder_.add(folder / "cgroup.controllers", controllers);
    folder_.add(folder / "cgroup.subtree_control", given);
    folder_.add(folder / "cgroup.procs", processes);
    if (type != nullptr) folder_.add(folder / "cgroup.type", type);
  }
  void stand_in(const std::string& path, const std::string& more_groups = "") {
    folder_.add("self/mountinfo",
                "29 23 0:26 / " + top().string() + " rw - cgroup2 cgroup2 rw,nsdelegate\n");
    folder_.add("self/cgroup", more_groups + "0::" + path + "\n");
  }
  CgroupPlace found() const { return find_memory_place(folder_.path()); }
  std::filesystem::path top() const { return folder_.path() / "cg"; }

  TemporaryFolder folder_;
};

TEST_F(MemoryPlaceTest, IsBesideTheProcessesOwn) {
  add("", "cpu memory pids\n", "cpu memory\n", "1\n", nullptr);
  add("user", "cpu memory\n", "memory\n", "");
  add("user/session", "memory\n", "", "77\n78\n");
  stand_in("/user/session");
  EXPECT_EQ(found().folder, top() / "user");
  EXPECT_EQ(why_no_memory_limit(folder_.path()), std::nullopt);
}

TEST_F(MemoryPlaceTest, TheRootMayHaveProcesses) {
  add("", "memory\n", "", "1\n", nullptr);
  stand_in("/");
  EXPECT_EQ(found().folder, top());
}

TEST_F(MemoryPlaceTest, AGroupWithoutProcessesCanBeGivenTheController) {
  add("", "memory\n", "memory\n", "", nullptr);
  add("a", "memory\n", "cpu\n", "");
  add("a/b", "", "", "77\n");
  stand_in("/a/b");
  EXPECT_EQ(found().folder, top() / "a");
}

TEST_F(MemoryPlaceTest, ThreadedGroupsArePassedOver) {
  add("", "memory\n", "memory\n", "", nullptr);
  add("a", "memory\n", "", "", "domain threaded\n");
  add("a/b", "memory\n", "", "77\n", "threaded\n");
  stand_in("/a/b");
  EXPECT_EQ(found().folder, top());
}

// The root of a cgroup namespace is a group like others, and nothing above it is seen.
TEST_F(MemoryPlaceTest, ProcessesInTheUppermostStandInTheWay) {
  add("", "memory\n", "", "1\n7\n");
  stand_in("/");
  EXPECT_THAT(found().why_not, HasSubstr("cg has processes of its own"));
  EXPECT_THAT(why_no_memory_limit(folder_.path()).value_or(""),
              testing::AllOf(HasSubstr("needs cgroup v2's memory controller, and "),
                             HasSubstr("systemd-run --scope"), HasSubstr("--guest")));
}

TEST_F(MemoryPlaceTest, AHierarchyWithoutTheController) {
  add("", "cpu pids\n", "", "1\n", nullptr);
  stand_in("/");
  EXPECT_THAT(found().why_not, HasSubstr("cg has no memory controller"));
}

TEST_F(MemoryPlaceTest, CgroupV1HasIt) {
  add("", "cpu\n", "", "1\n", nullptr);
  stand_in("/", "4:memory:/lab\n");
  EXPECT_THAT(found().why_not, HasSubstr("cgroup v1 has the memory controller here"));
  EXPECT_THAT(found().why_not, HasSubstr("lab.tcp_memory_limit"));
}

TEST_F(MemoryPlaceTest, NoneMountedAndOneElsewhere) {
  folder_.add("self/mountinfo", "27 1 254:0 / / rw - ext4 /dev/vda rw\n");
  folder_.add("self/cgroup", "0::/\n");
  EXPECT_EQ(found().why_not, "no cgroup v2 hierarchy is mounted");
  stand_in("/../other");
  EXPECT_THAT(found().why_not, HasSubstr("outside what is mounted"));
}

TEST_F(MemoryPlaceTest, ATcpLimitNamesTheOtherKeyWhereThatIsPossible) {
  add("", "memory\n", "memory\n", "1\n", nullptr);
  stand_in("/");
  EXPECT_THAT(why_no_tcp_memory_limit(folder_.path()).value_or(""),
              HasSubstr("cgroup v2 has no limit of TCP memory alone; lab.memory_limit"));
  add("", "cpu\n", "", "1\n", nullptr);
  EXPECT_THAT(why_no_tcp_memory_limit(folder_.path()).value_or(""),
              testing::Not(HasSubstr("lab.memory_limit")));
}

}  // namespace
}  // namespace netstall
