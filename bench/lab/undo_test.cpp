// Undoing from a journal, on plain files and on processes of our own.
#include "bench/lab/undo.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/leftovers.hpp"
#include "bench/lab/run_folder.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A child that waits for ever; killed and reaped at the end.
class Sleeper {
 public:
  Sleeper() : pid_(::fork()) {
    if (pid_ == 0) {
      for (;;) ::pause();
    }
  }
  Sleeper(const Sleeper&) = delete;
  Sleeper& operator=(const Sleeper&) = delete;
  ~Sleeper() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }
  bool dead() const {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == pid_;
  }

 private:
  pid_t pid_;
};

class UndoTest : public testing::Test {
 protected:
  UndoOutcome undo() {
    return undo_all(parse_undo_journal(read_file(journal_.path())), journal_, Deadline(10s));
  }
  UndoList pending() const { return parse_undo_journal(read_file(journal_.path())); }

  TemporaryFolder folder_;
  UndoJournal journal_ = UndoJournal::create(folder_.path() / "journal", current_boot_id());
};

TEST_F(UndoTest, EndsTheProcessesThatAreMeant) {
  const Sleeper meant;
  const Sleeper other;
  const auto start_time = process_start_time(meant.pid());
  const auto others = process_start_time(other.pid());
  ASSERT_TRUE(start_time && others);
  journal_.watch_process({meant.pid(), *start_time});
  // The number is in use, but not by the process that was meant.
  journal_.watch_process({other.pid(), *others - 1});
  EXPECT_THAT(undo().sentences, IsEmpty());
  EXPECT_TRUE(meant.dead());
  EXPECT_FALSE(other.dead());
}

TEST_F(UndoTest, RestoresLastFirst) {
  // Two changes of one file: only in reverse does the first value come back.
  const auto file = folder_.add("x", "3\n");
  journal_.confirm_sysctl(journal_.will_write_sysctl({"x", file, "1", "2", false}));
  journal_.confirm_sysctl(journal_.will_write_sysctl({"x", file, "2", "3", false}));
  EXPECT_THAT(undo().sentences, IsEmpty());
  EXPECT_EQ(trimmed(read_file(file)), "1");
  EXPECT_THAT(pending().pending, IsEmpty());
}

TEST_F(UndoTest, ALoweredTcpMemComesBackBeforeAllElseAndARaisedOneInItsTurn) {
  for (const auto& [before, after] :
       {std::pair("11 21 31", "10 20 30"), {"10 20 30", "11 21 31"}}) {
    const auto memory = folder_.add("tcp_mem", after);
    const auto file = folder_.add("x", "2");
    journal_.confirm_sysctl(
        journal_.will_write_sysctl({"net.ipv4.tcp_mem", memory, before, after, false}));
    journal_.confirm_sysctl(journal_.will_write_sysctl({"x", file, "1", "2", false}));
    const auto done = undo().done;
    const auto is_memory = HasSubstr(std::string("net.ipv4.tcp_mem in host is back at '") + before);
    const auto is_x = HasSubstr("x in host is back at '1'");
    if (std::string(after) == "10 20 30") {
      EXPECT_THAT(done, ElementsAre(is_memory, is_x));
    } else {
      EXPECT_THAT(done, ElementsAre(is_x, is_memory));
    }
  }
}

TEST_F(UndoTest, OneFailureDoesNotKeepTheOthersFromBeingUndone) {
  const auto file = folder_.add("x", "2\n");
  folder_.add("cgroup/netstall-1/stays", "");
  journal_.will_write_sysctl({"x", file, "1", "2", false});
  journal_.will_make_cgroup(folder_.path() / "cgroup/netstall-1");
  journal_.will_make_cgroup(folder_.path() / "cgroup/netstall-2");
  const auto outcome = undo();
  EXPECT_THAT(outcome.sentences, ElementsAre(HasSubstr("netstall-1: Directory not empty")));
  EXPECT_TRUE(outcome.worth_another_try);
  EXPECT_EQ(trimmed(read_file(file)), "1");
  ASSERT_THAT(pending().pending, SizeIs(1));
  EXPECT_EQ(pending().pending[0].ticket, 1U);
}

TEST_F(UndoTest, ASecondTimeFindsNothingToDo) {
  const auto file = folder_.add("x", "2\n");
  journal_.confirm_sysctl(journal_.will_write_sysctl({"x", file, "1", "2", false}));
  const auto list = pending();
  undo_all(list, journal_, Deadline(1s));
  replace_file(file, "2");
  EXPECT_THAT(undo().sentences, IsEmpty());
  EXPECT_EQ(read_file(file), "2") << "undone already: whoever set it now means it";
}

class LeftoverRunsTest : public testing::Test {
 protected:
  std::filesystem::path root() const { return folder_.path() / "run"; }
  // A run whose owners are dead, with one sysctl changed.
  void leave_run(const std::string& id, std::string_view boot_id) const {
    folder_.add("run/" + id + "/journal", "");
    std::filesystem::remove(root() / id / "journal");
    auto journal = UndoJournal::create(root() / id / "journal", boot_id);
    journal.confirm_sysctl(journal.will_write_sysctl({"x", folder_.path() / "x", "1", "2", false}));
  }
  std::string x() const { return std::string(trimmed(read_file(folder_.path() / "x"))); }

  TemporaryFolder folder_;
};

TEST_F(LeftoverRunsTest, AreUndoneAndRemoved) {
  folder_.add("x", "2\n");
  leave_run("dead", current_boot_id());
  EXPECT_THAT(restore_leftovers(root()).sentences,
              ElementsAre("run dead, which was killed, is undone", "x in host is back at '1'"));
  EXPECT_EQ(x(), "1");
  EXPECT_FALSE(std::filesystem::exists(root() / "dead"));
  EXPECT_THAT(restore_leftovers(root()).sentences, IsEmpty());
}

TEST_F(LeftoverRunsTest, OfAnEarlierBootHaveNothingLeftToUndo) {
  folder_.add("x", "2\n");
  leave_run("dead", "another-boot");
  EXPECT_THAT(restore_leftovers(root()).sentences, SizeIs(1));
  EXPECT_EQ(x(), "2");
  EXPECT_FALSE(std::filesystem::exists(root() / "dead"));
}

TEST_F(LeftoverRunsTest, AreLeftAloneWhileSomebodyLooksAfterThem) {
  folder_.add("x", "2\n");
  {
    auto owned = RunFolder::make(root(), "alive");
    owned.journal().will_write_sysctl({"x", folder_.path() / "x", "1", "2", false});
    const auto other = RunFolder::join(root(), "alive");
    EXPECT_TRUE(run_in_use(root() / "alive"));
    EXPECT_THAT(restore_leftovers(root()).sentences, IsEmpty());
    EXPECT_EQ(x(), "2");
  }
  EXPECT_FALSE(run_in_use(root() / "alive"));
  EXPECT_THAT(restore_leftovers(root()).sentences, SizeIs(2));
  EXPECT_EQ(x(), "1");
}

TEST_F(LeftoverRunsTest, AskingWhetherARunIsInUseDoesNotDisturbIt) {
  leave_run("dead", current_boot_id());
  EXPECT_FALSE(run_in_use(root() / "dead"));
  EXPECT_TRUE(RunFolder::adopt(root() / "dead").has_value());
}

TEST_F(LeftoverRunsTest, WhatCannotBeUndoneStaysForAnotherTry) {
  folder_.add("cgroup/netstall-1/stays", "");
  {
    auto owned = RunFolder::make(root(), "dead");
    owned.journal().will_make_cgroup(folder_.path() / "cgroup/netstall-1");
  }
  EXPECT_THAT(
      restore_leftovers(root()).sentences,
      ElementsAre("run dead, which was killed, is undone except:", HasSubstr("netstall-1")));
  std::filesystem::remove(folder_.path() / "cgroup/netstall-1/stays");
  EXPECT_THAT(restore_leftovers(root()).sentences, SizeIs(1));
  EXPECT_FALSE(std::filesystem::exists(root() / "dead"));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() / "cgroup/netstall-1"));
}

TEST_F(LeftoverRunsTest, AFolderWithoutJournalAndATornOneAreRemoved) {
  std::filesystem::create_directories(root() / "no-journal");
  folder_.add("run/torn/journal", "netstall-un");
  folder_.add("run/window.lock", "");
  restore_leftovers(root());
  EXPECT_FALSE(std::filesystem::exists(root() / "no-journal"));
  EXPECT_FALSE(std::filesystem::exists(root() / "torn"));
  EXPECT_TRUE(std::filesystem::exists(root() / "window.lock"));
}

TEST_F(LeftoverRunsTest, WithoutARootThereAreNone) {
  EXPECT_THAT(restore_leftovers(root()).sentences, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(root()));
}

}  // namespace
}  // namespace netstall
