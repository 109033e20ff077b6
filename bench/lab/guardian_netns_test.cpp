// The guardian: whatever happens to a controller, the machine is as it was.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <optional>
#include <random>
#include <set>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/lab.hpp"
#include "bench/lab/lab_probe_test.hpp"
#include "bench/lab/namespace_watch_test.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr const char* kHostKey = "net.core.netdev_budget_usecs";
constexpr const char* kWindowKey = "net.core.dev_weight";

std::string value_of(const char* key) {
  return std::string(trimmed(read_file(SysctlTree().file_of(key))));
}

std::string host_value() {
  return value_of(kHostKey);
}

class GuardianTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  // A test that fails must not leave the host changed.
  void TearDown() override {
    EXPECT_EQ(value_of(kWindowKey), window_value_at_start_);
    write_kernel_file(SysctlTree().file_of(kWindowKey), window_value_at_start_);
    const auto value = host_value();
    if (value == value_at_start_) return;
    ADD_FAILURE() << kHostKey << " was left at " << value;
    write_kernel_file(SysctlTree().file_of(kHostKey), value_at_start_);
  }
  fs::path root() const { return folder_.path() / "run"; }

  // One more than now: harmless, held for milliseconds.
  static std::string host_change() {
    return fmt::format("host={}={}", kHostKey, std::stol(host_value()) + 1);
  }
  static std::string window_change() {
    return fmt::format("window={}={}", kWindowKey, std::stol(value_of(kWindowKey)) + 1);
  }
  // Nothing where no memory of a side can be limited.
  static const char* possible_limit() {
    if (!why_no_tcp_memory_limit()) return "limit";
    return why_no_memory_limit() ? nullptr : "limit-v2";
  }
  // All that a run can change.
  static std::vector<std::string> everything() {
    std::vector<std::string> arguments{host_change(), window_change(), "workers"};
    if (const auto* limit = possible_limit()) arguments.emplace_back(limit);
    return arguments;
  }
  // Runs and cgroups of a probe; its number is part of their names.
  std::vector<std::string> remains(pid_t pid) const {
    std::vector<std::string> found;
    const auto mark = fmt::format("-{}-", pid);
    std::vector<fs::path> folders{root()};
    for (const auto& place : {find_tcp_memory_place(), find_memory_place()}) {
      if (place.folder) folders.push_back(*place.folder);
    }
    for (const auto& parent : folders) {
      std::error_code error;
      for (const auto& entry : fs::directory_iterator(parent, error)) {
        const auto name = entry.path().filename().string();
        if (entry.is_directory() && name.find(mark) != std::string::npos) found.push_back(name);
      }
    }
    return found;
  }
  // After its controller is gone, by whatever way.
  void expect_nothing_left(const Probe& probe, pid_t pid, const std::string& value,
                           std::string_view when) const {
    EXPECT_TRUE(eventually([&] { return probe.family().empty(); })) << when;
    EXPECT_THAT(remains(pid), IsEmpty()) << when;
    EXPECT_EQ(host_value(), value) << when;
    EXPECT_EQ(value_of(kWindowKey), window_value_at_start_) << when;
  }

  TemporaryFolder folder_;
  const std::string value_at_start_ = host_value();
  const std::string window_value_at_start_ = value_of(kWindowKey);
};

TEST_F(GuardianTest, AnOrderlyRunLeavesNothing) {
  const auto value = host_value();
  Probe probe(root(), everything());
  const auto pid = probe.pid();
  EXPECT_EQ(probe.all("worker").size(), 2U);
  EXPECT_THAT(probe.all("left"), IsEmpty());
  EXPECT_THAT(probe.all("down"), SizeIs(1));
  EXPECT_EQ(probe.wait(), 0);
  EXPECT_THAT(probe.family(), IsEmpty()) << "when the controller ends, the guardian has ended";
  expect_nothing_left(probe, pid, value, "end");
}

TEST_F(GuardianTest, AKillAtEachStepLeavesNothing) {
  const auto value = host_value();
  for (const auto step : lab_steps()) {
    if (possible_limit() == nullptr && step.starts_with("cgroup_")) continue;
    if (step.starts_with("device")) continue;  // this lab has no ports
    auto arguments = everything();
    arguments.push_back(fmt::format("kill-at={}", step));
    Probe probe(root(), arguments);
    const auto pid = probe.pid();
    const int status = probe.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "never came to " << step;
    expect_nothing_left(probe, pid, value, step);
  }
}

TEST_F(GuardianTest, AKillAtAnyMomentLeavesNothing) {
  const auto value = host_value();
  std::minstd_rand random(20260101);
  for (int i = 0; i < 50; ++i) {
    auto arguments = everything();
    arguments.emplace_back("hold");
    Probe probe(root(), arguments);
    const auto pid = probe.pid();
    // Set-up takes some 20 to 40 ms; every third is let go, to be hit on its way down.
    const auto moment = std::chrono::microseconds(random() % 60'000);
    if (i % 3 == 0) {
      ASSERT_TRUE(probe.await("up"));
      probe.let_go();
    }
    const timespec wait{0, Nanoseconds(i % 3 == 0 ? moment / 3 : moment).count()};
    ::nanosleep(&wait, nullptr);
    probe.kill();
    expect_nothing_left(probe, pid, value, fmt::format("{} us, {}", moment.count(), i));
  }
}

TEST_F(GuardianTest, WorkersThatDoNotFollowTheirParentAreEnded) {
  const auto value = host_value();
  for (const bool limit : {false, true}) {
    if (limit && possible_limit() == nullptr) continue;
    std::vector<std::string> arguments{"stubborn", "hold"};
    if (limit) arguments.emplace_back(possible_limit());
    Probe probe(root(), arguments);
    const auto pid = probe.pid();
    ASSERT_TRUE(probe.await("up"));
    EXPECT_THAT(probe.family(), SizeIs(4)) << "controller, guardian, two workers";
    probe.kill();
    expect_nothing_left(probe, pid, value, limit ? "with a cgroup" : "by their numbers");
  }
}

TEST_F(GuardianTest, TheNamespacesGoWithAKilledController) {
  NamespaceWatch namespaces;
  auto arguments = everything();
  arguments.emplace_back("hold");
  Probe probe(root(), arguments);
  ASSERT_TRUE(probe.await("up"));
  for (const auto& [pid, name] : probe.family()) {
    if (name == kGuardianName || pid == probe.pid()) continue;
    const Fd fd(::open(fmt::format("/proc/{}/ns/net", pid).c_str(), O_RDONLY | O_CLOEXEC));
    namespaces.add(fd.get());
  }
  EXPECT_EQ(namespaces.alive(), 2U);
  probe.kill();
  EXPECT_TRUE(namespaces.all_gone(Deadline(20s)));
}

// The namespaces that a process has open.
std::vector<Fd> namespaces_held_by(pid_t pid) {
  std::vector<Fd> held;
  std::set<std::string> seen;
  for (const auto& entry : fs::directory_iterator(fmt::format("/proc/{}/fd", pid))) {
    std::error_code ignored;
    const auto name = fs::read_symlink(entry.path(), ignored).string();
    if (!name.starts_with("net:[") || !seen.insert(name).second) continue;
    held.emplace_back(::open(entry.path().c_str(), O_RDONLY | O_CLOEXEC));
  }
  return held;
}

TEST_F(GuardianTest, ABridgeGoesWithAKilledController) {
  NamespaceWatch namespaces;
  auto arguments = everything();
  arguments.insert(arguments.end(), {"clients=3", "hold"});
  Probe probe(root(), arguments);
  ASSERT_TRUE(probe.await("up"));
  for (const auto& fd : namespaces_held_by(probe.pid())) namespaces.add(fd.get());
  EXPECT_EQ(namespaces.alive(), 5U) << "three clients, the server and the bridge";
  probe.kill();
  EXPECT_TRUE(namespaces.all_gone(Deadline(20s)));
}

TEST_F(GuardianTest, AKillWhileABridgeIsMadeLeavesNothing) {
  const auto value = host_value();
  for (const auto step : {"namespaces_made", "link_made", "link_up", "link_shaped", "lab_up",
                          "sockets_gone", "namespaces_released"}) {
    auto arguments = everything();
    arguments.insert(arguments.end(), {"clients=3", fmt::format("kill-at={}", step)});
    Probe probe(root(), arguments);
    const auto pid = probe.pid();
    const int status = probe.wait();
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << "never came to " << step;
    expect_nothing_left(probe, pid, value, step);
  }
}

TEST_F(GuardianTest, HoldsNothingThatIsNotItsOwn) {
  Probe probe(root(), {"workers", "hold"});
  ASSERT_TRUE(probe.await("up"));
  const auto guardian = probe.guardian();
  ASSERT_TRUE(guardian.has_value());
  const auto proc = fs::path("/proc") / std::to_string(*guardian);
  std::vector<std::string> held;
  for (const auto& entry : fs::directory_iterator(proc / "fd")) {
    std::error_code ignored;
    held.push_back(fs::read_symlink(entry.path(), ignored).string());
  }
  EXPECT_THAT(held, Each(testing::AnyOf("/dev/null", HasSubstr("socket:"), HasSubstr("pidfd"),
                                        HasSubstr("/journal"))));
  EXPECT_EQ(fs::read_symlink(proc / "ns/net"), fs::read_symlink("/proc/self/ns/net"));
  EXPECT_EQ(fs::read_symlink(proc / "cwd"), "/");
  EXPECT_EQ(::getsid(*guardian), *guardian);
  EXPECT_EQ(::getpgid(*guardian), *guardian);
  probe.let_go();
  EXPECT_THAT(probe.all("left"), IsEmpty());
}

TEST_F(GuardianTest, SignalsForTheControllerDoNotEndIt) {
  const auto value = host_value();
  Probe probe(root(), {host_change(), "hold"});
  const auto pid = probe.pid();
  ASSERT_TRUE(probe.await("up"));
  const auto guardian = probe.guardian();
  ASSERT_TRUE(guardian.has_value());
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGPIPE, SIGTSTP}) {
    ::kill(*guardian, signal);
  }
  EXPECT_EQ(probe.guardian(), guardian);
  probe.kill();
  expect_nothing_left(probe, pid, value, "after signals");
}

TEST_F(GuardianTest, AControllerWhoseGuardianDiedPutsAllBackAndSaysSo) {
  const auto value = host_value();
  auto arguments = everything();
  arguments.emplace_back("hold");
  Probe probe(root(), arguments);
  const auto pid = probe.pid();
  ASSERT_TRUE(probe.await("up"));
  ::kill(probe.guardian().value(), SIGKILL);
  probe.let_go();
  EXPECT_THAT(probe.all("left"),
              ElementsAre("the guardian was lost during the run: signal 9 (Killed)"));
  EXPECT_EQ(probe.wait(), 0);
  expect_nothing_left(probe, pid, value, "end");
}

TEST_F(GuardianTest, WhenBothAreKilledTheNextStartRestores) {
  const auto value = host_value();
  auto arguments = everything();
  arguments.emplace_back("hold");
  Probe probe(root(), arguments);
  const auto pid = probe.pid();
  ASSERT_TRUE(probe.await("up"));
  EXPECT_THAT(restore_leftovers(root()).sentences, IsEmpty()) << "the run is alive";
  ::kill(probe.guardian().value(), SIGKILL);
  EXPECT_TRUE(eventually([&] { return !probe.guardian(); }));
  EXPECT_THAT(restore_leftovers(root()).sentences, IsEmpty()) << "its controller is alive";
  probe.kill();
  EXPECT_NE(host_value(), value);
  EXPECT_THAT(remains(pid), Not(IsEmpty()));
  EXPECT_THAT(restore_leftovers(root()).sentences,
              UnorderedElementsAre(
                  HasSubstr("which was killed, is undone"),
                  fmt::format("{} in host is back at '{}'", kHostKey, value),
                  fmt::format("{} in host is back at '{}'", kWindowKey, window_value_at_start_)));
  expect_nothing_left(probe, pid, value, "restored");
}

TEST_F(GuardianTest, TheWindowsSettingsHoldOnlyWithinIt) {
  Probe probe(root(), {window_change(), "hold"});
  ASSERT_TRUE(probe.await("up"));
  EXPECT_NE(value_of(kWindowKey), window_value_at_start_);
  probe.let_go();
  EXPECT_THAT(probe.all("left"), IsEmpty());
  EXPECT_EQ(probe.wait(), 0);
  EXPECT_EQ(value_of(kWindowKey), window_value_at_start_);
}

TEST_F(GuardianTest, AStoppedControllerIsEndedAtItsDeadline) {
  const auto value = host_value();
  auto arguments = everything();
  arguments.insert(arguments.end(), {"hold", "hold-at-most=300"});
  Probe probe(root(), arguments);
  const auto pid = probe.pid();
  ASSERT_TRUE(eventually([&] { return host_value() != value; }));
  ::kill(pid, SIGSTOP);
  const int status = probe.wait();
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
  expect_nothing_left(probe, pid, value, "after its deadline");
}

TEST_F(GuardianTest, AnUnchangedHostHasNoDeadline) {
  Probe probe(root(), {"hold", "hold-at-most=1"});
  ASSERT_TRUE(probe.await("up"));
  probe.let_go();
  EXPECT_THAT(probe.all("down"), SizeIs(1));
  EXPECT_EQ(probe.wait(), 0);
}

// A controller that changes a plain file instead of a sysctl and is then killed.
void be_killed_after_changing(const fs::path& root, const fs::path& file) {
  const pid_t controller = ::fork();
  if (controller == 0) {
    const Fd exe(::open(NETSTALL_LAB_PROBE, O_PATH | O_CLOEXEC));
    auto guardian = Guardian::start(root, exe.get());
    auto& journal = guardian.journal();
    journal.confirm_sysctl(journal.will_write_sysctl({"a.key", file, "1", "2", false}));
    replace_file(file, "3\n");
    ::kill(::getpid(), SIGKILL);
  }
  ::waitpid(controller, nullptr, 0);
}

TEST_F(GuardianTest, WhatSomebodyElseChangedIsKeptForTheNextStartToSay) {
  const auto file = folder_.add("key", "1\n");
  be_killed_after_changing(root(), file);
  std::vector<std::string> said;
  EXPECT_TRUE(eventually([&] { return !(said = restore_leftovers(root()).sentences).empty(); }));
  EXPECT_THAT(said, Contains(HasSubstr("a.key in host is '3': somebody else changed it")));
  EXPECT_EQ(trimmed(read_file(file)), "3");
  EXPECT_THAT(restore_leftovers(root()).sentences, IsEmpty());
}

TEST_F(GuardianTest, AFolderThatCannotBeMadeIsAnError) {
  const auto file = folder_.add("file", "");
  const Fd exe(::open(NETSTALL_LAB_PROBE, O_PATH | O_CLOEXEC));
  try {
    Guardian::start(file / "run", exe.get());
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("start the guardian: make "));
  }
}

TEST_F(GuardianTest, AProgramThatIsNoGuardianIsAnError) {
  const Fd exe(::open("/bin/true", O_PATH | O_CLOEXEC));
  EXPECT_THROW(Guardian::start(root(), exe.get()), Error);
}

}  // namespace
}  // namespace netstall
