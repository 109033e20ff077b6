// Memory limits by cgroup v2, on a kernel that has its memory controller: in a group of
// the test's own, whose parent gives its children no memory controller until a limit is set.
#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/lab.hpp"
#include "bench/lab/lab_probe_test.hpp"
#include "bench/lab/leftovers.hpp"
#include "bench/lab/memory_cgroup.hpp"
#include "bench/lab/temporary_folder_test.hpp"
#include "bench/lab/undo.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::uint64_t kMiB = 1 << 20;

MemoryLimitSpec limit_of(std::uint64_t max, std::uint64_t high) {
  MemoryLimitSpec limit;
  if (max != 0) limit.max = Bytes{max};
  if (high != 0) limit.high = Bytes{high};
  return limit;
}

class MemoryCgroupTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
    if (const auto why = why_no_memory_limit()) GTEST_SKIP() << *why;
    const auto place = *find_memory_place().folder;
    if (read_file(place / "cgroup.subtree_control").find("memory") == std::string::npos) {
      GTEST_SKIP() << place << " gives its children no memory controller, and is not ours";
    }
    home_ = own_cgroup();
    top_ = place / fmt::format("test-of-netstall-{}", ::getpid());
    make(top_);
    make(top_ / "tests");
    join(top_ / "tests");
  }
  void TearDown() override {
    if (top_.empty()) return;
    join(home_);
    for (const auto& path : {top_ / "tests", top_}) EXPECT_EQ(::rmdir(path.c_str()), 0) << path;
  }

  // Where cgroup v2 is mounted is where every place is below.
  static fs::path own_cgroup() {
    const auto text = read_file("/proc/self/cgroup");
    const auto begin = text.find("0::/") + 4;
    return fs::path("/sys/fs/cgroup") / text.substr(begin, text.find('\n', begin) - begin);
  }
  static void make(const fs::path& cgroup) {
    ASSERT_EQ(::mkdir(cgroup.c_str(), 0755), 0) << cgroup;
  }
  static void join(const fs::path& cgroup) {
    ASSERT_EQ(write_kernel_file(cgroup / "cgroup.procs", "0"), 0) << cgroup;
  }
  bool gives_memory() const {
    return read_file(top_ / "cgroup.subtree_control").find("memory") != std::string::npos;
  }
  bool marked() const { return ::getxattr(top_.c_str(), "user.netstall.memory", nullptr, 0) >= 0; }
  std::vector<std::string> made() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(top_)) {
      const auto name = entry.path().filename().string();
      if (entry.is_directory() && name != "tests") names.push_back(name);
    }
    return names;
  }
  bool as_before() const { return made().empty() && !gives_memory() && !marked(); }

  UndoJournal journal() { return UndoJournal::create(folder_.path() / "journal", "boot"); }
  Guardian start_guardian() const {
    const Fd exe(::open(NETSTALL_LAB_PROBE, O_PATH | O_CLOEXEC));
    return Guardian::start(folder_.path() / "run", exe.get());
  }

  TemporaryFolder folder_;
  fs::path home_;
  fs::path top_;
};

// Runs `body` in a child in the server's cgroup and namespace; killed and reaped at the end.
class Inmate {
 public:
  template <class Body>
  Inmate(const Lab& lab, Body body) : pid_(::fork()) {
    if (pid_ != 0) return;
    for (const auto& procs : lab.cgroup_procs(Side::server)) write_kernel_file(procs, "0");
    const ScopedNetns inside(lab.netns(Side::server));
    body();
    for (;;) ::pause();
  }
  Inmate(const Inmate&) = delete;
  Inmate& operator=(const Inmate&) = delete;
  ~Inmate() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);  // -1 would be everybody
    wait();
  }
  int wait() {
    if (pid_ > 0) ::waitpid(std::exchange(pid_, -1), &status_, 0);
    return status_;
  }

 private:
  pid_t pid_;
  int status_ = 0;
};

void touch(std::size_t bytes) {
  auto* memory = static_cast<char*>(::malloc(bytes));
  for (std::size_t i = 0; i < bytes; i += 4096) static_cast<volatile char*>(memory)[i] = 1;
}

// A connection to itself that is full and stays.
void fill_a_connection() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  address.sin_port = ::htons(7001);
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  const int sender = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::bind(listener, generic, sizeof address) != 0 || ::listen(listener, 1) != 0) return;
  if (::connect(sender, generic, sizeof address) != 0) return;
  const std::string data(65536, 'x');
  while (::send(sender, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
  }
}

TEST_F(MemoryCgroupTest, AParentWithProcessesIsPassedOver) {
  EXPECT_EQ(find_memory_place().folder, top_) << "and not " << own_cgroup();
  EXPECT_FALSE(gives_memory()) << "finding changes nothing";
}

TEST_F(MemoryCgroupTest, TheLastOneGivesTheControllerBack) {
  auto owned = journal();
  const auto bounds = bounds_of(limit_of(64 * kMiB + 100, 32 * kMiB));
  MemoryCgroup first(top_, "netstall-test-1", bounds, owned);
  EXPECT_EQ(first.description(),
            "cgroup v2 memory.max, 67108864 bytes; memory.high, 33554432 bytes");
  EXPECT_TRUE(gives_memory());
  EXPECT_TRUE(marked());
  MemoryCgroup second(top_, "netstall-test-2", bounds, owned);
  EXPECT_FALSE(first.remove(Deadline(10s)).sentence);
  EXPECT_TRUE(gives_memory()) << "the second has limits";
  EXPECT_EQ(trimmed(read_file(second.path() / "memory.max")), "67108864");
  EXPECT_FALSE(second.remove(Deadline(10s)).sentence);
  EXPECT_TRUE(as_before());
  EXPECT_THAT(parse_undo_journal(read_file(owned.path())).pending, IsEmpty());
}

TEST_F(MemoryCgroupTest, AControllerThatWasOnStaysOn) {
  ASSERT_EQ(write_kernel_file(top_ / "cgroup.subtree_control", "+memory"), 0);
  auto owned = journal();
  MemoryCgroup cgroup(top_, "netstall-test-1", bounds_of(limit_of(64 * kMiB, 0)), owned);
  EXPECT_FALSE(marked());
  EXPECT_FALSE(cgroup.remove(Deadline(10s)).sentence);
  EXPECT_TRUE(gives_memory());
}

TEST_F(MemoryCgroupTest, AControllerThatSomebodyElseUsesByNowIsSaid) {
  auto owned = journal();
  MemoryCgroup cgroup(top_, "netstall-test-1", bounds_of(limit_of(64 * kMiB, 0)), owned);
  make(top_ / "other");
  ASSERT_EQ(write_kernel_file(top_ / "other/cgroup.subtree_control", "+memory"), 0);
  EXPECT_THAT(cgroup.remove(Deadline(10s)).sentence.value_or(""),
              HasSubstr("still have the memory controller: one of them uses it by now"));
  EXPECT_TRUE(gives_memory());
  EXPECT_FALSE(marked()) << "nobody of ours will come back to it";
  EXPECT_EQ(::rmdir((top_ / "other").c_str()), 0);
}

TEST_F(MemoryCgroupTest, WhatIsMadeInVainIsUndone) {
  auto owned = journal();
  EXPECT_THROW(MemoryCgroup(top_, "netstall-test-1", {{"memory.none", Bytes{4096}}}, owned), Error);
  EXPECT_TRUE(as_before());
  make(top_ / "netstall-test-2");
  EXPECT_THROW(MemoryCgroup(top_, "netstall-test-2", {}, owned), Error) << "it is there already";
}

TEST_F(MemoryCgroupTest, BothLimitsHoldAndAreCounted) {
  auto guardian = start_guardian();
  LabSpec spec;
  spec.memory_limit.server = limit_of(0, 16 * kMiB);
  {
    Lab lab(spec, {}, guardian);
    EXPECT_EQ(lab.memory_limit().at("server"), "cgroup v2 memory.high, 16777216 bytes");
    EXPECT_THAT(lab.memory_limit(), SizeIs(1));
    EXPECT_THAT(lab.cgroup_procs(Side::client), IsEmpty());
    EXPECT_THAT(lab.memory(Side::client).events, IsEmpty());
    const Inmate one(lab, [] { touch(17 * kMiB); });
    EXPECT_TRUE(
        eventually([&] { return lab.memory(Side::server).events.at("memory_cgroup.high") > 0; }));
    EXPECT_GT(lab.memory(Side::server).bytes.at("memory_cgroup.current"), 8 << 20);
    EXPECT_EQ(lab.oom_kills(), "");
  }
  EXPECT_TRUE(as_before());
  spec.memory_limit.server = limit_of(16 * kMiB, 0);
  Lab lab(spec, {}, guardian);
  Inmate one(lab, [] { touch(64 * kMiB); });
  const int status = one.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  EXPECT_EQ(lab.oom_kills(),
            "the kernel ended 1 of the server's processes for want of memory (cgroup v2 "
            "memory.max, 16777216 bytes)");
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_TRUE(as_before());
  EXPECT_THAT(guardian.finish(), IsEmpty());
}

TEST_F(MemoryCgroupTest, TheMemoryOfSocketsIsWaitedFor) {
  auto guardian = start_guardian();
  LabSpec spec;
  spec.memory_limit.server = limit_of(256 * kMiB, 0);
  Lab lab(spec, {}, guardian);
  {
    const Inmate sender(lab, fill_a_connection);
    EXPECT_TRUE(eventually(
        [&] { return lab.memory(Side::server).bytes.at("memory_cgroup.sock") > 100'000; }));
    EXPECT_THAT(leftovers(folder_.path() / "run"),
                testing::Contains(testing::Field(&Remnant::kind, Remnant::Kind::cgroup)));
  }
  EXPECT_THAT(lab.tear_down(), IsEmpty());
  EXPECT_TRUE(as_before());
}

TEST_F(MemoryCgroupTest, AKillAtEachStepLeavesNothing) {
  for (const auto* step : {"cgroup_announced", "cgroup_made", "cgroup_limited", "lab_up",
                           "window_opened", "lab_unwinding", "sockets_gone", "cgroups_removed"}) {
    Probe probe(folder_.path() / "run", {"workers", "limit-v2", fmt::format("kill-at={}", step)});
    const int status = probe.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "never came to " << step;
    EXPECT_TRUE(eventually([&] { return probe.family().empty() && as_before(); })) << step;
  }
}

TEST_F(MemoryCgroupTest, TheNextStartPutsBackWhatNoGuardianDid) {
  {
    auto owned = journal();
    MemoryCgroup cgroup(top_, "netstall-test-1", bounds_of(limit_of(64 * kMiB, 0)), owned);
    const auto text = read_file(owned.path());  // with nothing undone
    auto again = MemoryCgroup(std::move(cgroup));
    ASSERT_TRUE(gives_memory());
    UndoJournal other = UndoJournal::create(folder_.path() / "other", "boot");
    EXPECT_THAT(undo_all(parse_undo_journal(text), other, Deadline(10s)).sentences, IsEmpty());
    EXPECT_TRUE(as_before());
  }
  EXPECT_TRUE(as_before());
}

}  // namespace
}  // namespace netstall
