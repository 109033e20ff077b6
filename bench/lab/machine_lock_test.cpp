// Locks between programs, here between threads with files of their own.
#include "bench/lab/machine_lock.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "bench/lab/run_folder.hpp"
#include "bench/lab/temporary_folder_test.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

Deadline at_once() {
  return Deadline(0s);
}

ErrorKind kind_of_failure(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::usage;
}

TEST(MachineLock, ExcludesUntilItIsReleased) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "new/window.lock";
  std::optional<MachineLock> first(std::in_place, path, at_once());
  EXPECT_EQ(kind_of_failure([&] { MachineLock(path, at_once()); }), ErrorKind::failed);
  first.reset();
  const MachineLock second(path, at_once());
}

TEST(MachineLock, WaitsForItsTurn) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  std::optional<MachineLock> first(std::in_place, path, at_once());
  std::atomic<bool> waiting = false;
  std::atomic<bool> has_it = false;
  std::thread other([&] {
    const MachineLock second(path, Deadline(30s), {.interrupted = [&] {
                               waiting = true;
                               return false;
                             }});
    has_it = true;
  });
  while (!waiting) std::this_thread::yield();
  EXPECT_FALSE(has_it);
  first.reset();
  other.join();
  EXPECT_TRUE(has_it);
}

TEST(MachineLock, WaitingCanBeInterrupted) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  const MachineLock first(path, at_once());
  int asked = 0;
  const auto interrupted = [&] { return ++asked == 3; };
  EXPECT_EQ(kind_of_failure([&] { MachineLock(path, Deadline(30s), {interrupted}); }),
            ErrorKind::interrupted);
  EXPECT_EQ(asked, 3);
}

TEST(MachineLock, WhoIsWaitedForIsSaidOnceAndNotAtOnce) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  const MachineLock first(path, at_once());
  for (const auto quiet : {Nanoseconds(0), Nanoseconds(30s)}) {
    std::vector<std::string> said;
    int asked = 0;
    const Waiting waiting{.interrupted = [&] { return ++asked == 4; },
                          .warn = [&](const std::string& line) { said.push_back(line); },
                          .tell_after = quiet};
    EXPECT_EQ(kind_of_failure([&] { MachineLock(path, Deadline(30s), waiting); }),
              ErrorKind::interrupted);
    if (quiet == Nanoseconds(0)) {
      EXPECT_THAT(said, testing::ElementsAre(HasSubstr("another netstall run holds it")));
    } else {
      EXPECT_THAT(said, testing::IsEmpty());
    }
  }
}

TEST(MachineLock, SharedOnesDoNotExcludeEachOther) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "lock";
  const MachineLock first(path, LockMode::shared, at_once());
  const MachineLock second(path, LockMode::shared, at_once());
  EXPECT_EQ(kind_of_failure([&] { MachineLock(path, LockMode::exclusive, at_once()); }),
            ErrorKind::failed);
}

class HostSysctlTurnTest : public testing::Test {
 protected:
  HostSysctlTurn turn(LockMode mode, const Deadline& deadline = at_once()) const {
    return {folder_.path(), folder_.path() / "own/journal", mode, deadline};
  }
  TemporaryFolder folder_;
};

TEST_F(HostSysctlTurnTest, LabsOverlapUnlessOneChangesTheHost) {
  {
    const auto one = turn(LockMode::shared);
    const auto other = turn(LockMode::shared);
    EXPECT_THROW(turn(LockMode::exclusive), Error);
  }
  const auto changer = turn(LockMode::exclusive);
  EXPECT_THROW(turn(LockMode::shared), Error);
  EXPECT_THROW(turn(LockMode::exclusive), Error);
}

TEST_F(HostSysctlTurnTest, WhoWaitsToChangeIsNotOvertaken) {
  std::optional<HostSysctlTurn> lab(turn(LockMode::shared));
  std::atomic<bool> waiting = false;
  std::thread changer([&] {
    const HostSysctlTurn changes(folder_.path(), folder_.path() / "own/journal",
                                 LockMode::exclusive, Deadline(30s), {.interrupted = [&] {
                                   waiting = true;
                                   return false;
                                 }});
  });
  while (!waiting) std::this_thread::yield();
  EXPECT_THROW(turn(LockMode::shared), Error);
  lab.reset();
  changer.join();
  turn(LockMode::shared);
}

TEST_F(HostSysctlTurnTest, WaitsForWhatAKilledRunsGuardianHasYetToPutBack) {
  auto other = RunFolder::make(folder_.path(), "other");
  auto& journal = other.journal();
  journal.will_make_cgroup("/cgroup");
  const auto ticket = journal.will_write_sysctl({"net.x", "/net/x", "1", "2", false});
  try {
    turn(LockMode::shared);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("run other has not put them back"));
  }
  journal.undone(ticket);
  turn(LockMode::shared);
}

// Its guardian was still there when this run looked for what others had left.
TEST_F(HostSysctlTurnTest, PutsBackWhatNobodyElseWillAnyMore) {
  const auto file = folder_.add("value", "2");
  std::optional<RunFolder> other(RunFolder::make(folder_.path(), "other"));
  other->journal().will_write_sysctl({"net.x", file, "1", "2", false});
  std::vector<std::string> said;
  int asked = 0;
  const HostSysctlTurn mine(folder_.path(), folder_.path() / "own/journal", LockMode::shared,
                            Deadline(30s),
                            {.interrupted =
                                 [&] {
                                   if (++asked == 3) other.reset();
                                   return false;
                                 },
                             .warn = [&](const std::string& line) { said.push_back(line); }});
  EXPECT_EQ(read_file(file), "1");
  EXPECT_THAT(said, testing::Contains(HasSubstr("run other, which was killed, is undone")));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "other"));
}

}  // namespace
}  // namespace netstall
