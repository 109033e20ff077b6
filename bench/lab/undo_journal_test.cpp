// The undo journal: what is written is read back, whatever a crash left of it.
#include "bench/lab/undo_journal.hpp"

#include <gmock/gmock.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class UndoJournalTest : public testing::Test {
 protected:
  UndoList read_back() const { return parse_undo_journal(read_file(file_)); }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "journal";
};

TEST_F(UndoJournalTest, ReadsBackWhatWasAnnouncedInOrder) {
  auto journal = UndoJournal::create(file_, "boot-1");
  const CgroupEntry cgroup{"/sys/fs/cgroup/a b%/netstall-x"};
  const SysctlEntry sysctl{"net.ipv4.tcp_mem", "/proc/sys/net/ipv4/tcp_mem", "1\t2\t3", "", false};
  const ProcessEntry process{42, 4711};
  journal.will_make_cgroup(cgroup.path);
  journal.will_write_sysctl(sysctl);
  journal.watch_process(process);

  const auto list = read_back();
  EXPECT_EQ(list.boot_id, "boot-1");
  EXPECT_THAT(list.faults, IsEmpty());
  ASSERT_THAT(list.pending, SizeIs(3));
  EXPECT_EQ(std::get<CgroupEntry>(list.pending[0].entry), cgroup);
  EXPECT_EQ(std::get<SysctlEntry>(list.pending[1].entry), sysctl);
  EXPECT_EQ(std::get<ProcessEntry>(list.pending[2].entry), process);
}

TEST_F(UndoJournalTest, LeavesOutWhatIsUndoneAndKeepsTickets) {
  auto journal = UndoJournal::create(file_, "boot");
  const auto first = journal.will_make_cgroup("/one");
  const auto second = journal.will_make_cgroup("/two");
  journal.undone(first);

  const auto list = read_back();
  ASSERT_THAT(list.pending, SizeIs(1));
  EXPECT_EQ(list.pending[0].ticket, second);
  EXPECT_EQ(std::get<CgroupEntry>(list.pending[0].entry).path, "/two");
}

TEST_F(UndoJournalTest, KnowsWhichSysctlWasConfirmed) {
  auto journal = UndoJournal::create(file_, "boot");
  journal.will_write_sysctl({"a.b", "/a/b", "1", "2", false});
  const auto second = journal.will_write_sysctl({"a.c", "/a/c", "1", "2", false});
  journal.confirm_sysctl(second);

  const auto list = read_back();
  ASSERT_THAT(list.pending, SizeIs(2));
  EXPECT_FALSE(std::get<SysctlEntry>(list.pending[0].entry).confirmed);
  EXPECT_TRUE(std::get<SysctlEntry>(list.pending[1].entry).confirmed);
}

TEST_F(UndoJournalTest, EveryTornEndLeavesTheLinesBeforeIt) {
  auto journal = UndoJournal::create(file_, "boot");
  journal.will_make_cgroup("/one");
  const auto whole = read_file(file_).size();
  journal.will_write_sysctl({"a.b", "/a/b", "1", "2", false});
  const auto text = read_file(file_);
  for (auto size = whole; size < text.size(); ++size) {
    const auto list = parse_undo_journal(std::string_view(text).substr(0, size));
    EXPECT_THAT(list.pending, SizeIs(1)) << size;
    EXPECT_THAT(list.faults, IsEmpty()) << size;
  }
  EXPECT_THAT(parse_undo_journal(text).pending, SizeIs(2));
}

TEST_F(UndoJournalTest, WhoComesAfterATornLineDoesNotContinueIt) {
  auto journal = UndoJournal::create(file_, "boot");
  const auto first = journal.will_make_cgroup("/one");
  journal.will_make_cgroup("/two");
  const auto text = read_file(file_);
  ASSERT_EQ(::truncate(file_.c_str(), static_cast<off_t>(text.size() - 3)), 0);

  UndoJournal::open(file_).undone(first);
  const auto list = read_back();
  EXPECT_THAT(list.pending, IsEmpty());
  EXPECT_THAT(list.faults, IsEmpty());
}

TEST_F(UndoJournalTest, SaysWhatLineIsNoneAndStillReadsTheOthers) {
  const auto list = parse_undo_journal(
      "netstall-undo 1 boot\n"
      "cgroup /one\n"
      "cgroup\n"
      "process 0 1\n"
      "process 12 x\n"
      "undone 7\n"
      "confirmed 0\n"
      "sysctl a.b /a/b 1\n"
      "cgroup /%2\n"
      "\n"
      "cgroup /two\n");
  EXPECT_THAT(list.faults, SizeIs(8));
  EXPECT_THAT(list.faults[5], HasSubstr("'sysctl a.b /a/b 1'"));
  ASSERT_THAT(list.pending, SizeIs(2));
  EXPECT_EQ(std::get<CgroupEntry>(list.pending[1].entry).path, "/two");
}

TEST_F(UndoJournalTest, AnEmptyFileIsAJournalOfNoBoot) {
  EXPECT_EQ(parse_undo_journal("").boot_id, "");
  EXPECT_THAT(parse_undo_journal("").pending, IsEmpty());
}

TEST_F(UndoJournalTest, IsNotMadeTwice) {
  const auto journal = UndoJournal::create(file_, "boot");
  EXPECT_THROW(UndoJournal::create(file_, "boot"), Error);
  EXPECT_THROW(UndoJournal::open(folder_.path() / "other"), Error);
}

TEST_F(UndoJournalTest, AFullDiskIsAnErrorBeforeTheChange) {
  auto journal = UndoJournal::open("/dev/full");
  EXPECT_THROW(journal.will_make_cgroup("/one"), Error);
}

TEST(ProcessStartTime, TellsProcessesApart) {
  const auto own = process_start_time(::getpid());
  ASSERT_TRUE(own.has_value());
  const auto init = process_start_time(1);
  ASSERT_TRUE(init.has_value());
  EXPECT_GT(*own, *init);
  EXPECT_EQ(process_start_time(-1), std::nullopt);
}

}  // namespace
}  // namespace netstall
