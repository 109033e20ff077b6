// Sysctls on a tree of plain files: names, comparison, errors, and the way back.
#include "bench/lab/sysctl.hpp"

#include <gmock/gmock.h>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A plain file keeps what a shorter value does not overwrite: values here have the
// length of the old ones.
class SysctlTest : public testing::Test {
 protected:
  SysctlTest() {
    folder_.add("sys/net/ipv4/tcp_rmem", "4096\t131072\t6291456\n");
    folder_.add("sys/net/ipv4/tcp_wmem", "4096\t16384\t4194304\n");
    folder_.add("sys/net/core/somaxconn", "4096\n");
    folder_.add("sys/net/ipv4/conf/eth0.1/rp_filter", "0\n");
  }
  std::string value(std::string_view key) const {
    return std::string(trimmed(read_file(tree_.file_of(key))));
  }
  void change(std::string_view key, std::string_view text) const {
    replace_file(tree_.file_of(key), text);
  }
  // Runs what must fail; returns its error.
  template <class Action>
  static Error error_of(Action action) {
    try {
      action();
    } catch (const Error& error) {
      return error;
    }
    ADD_FAILURE() << "no error";
    return {ErrorKind::failed, "", ""};
  }

  TemporaryFolder folder_;
  SysctlTree tree_{folder_.path() / "sys"};
  UndoJournal journal_ = UndoJournal::create(folder_.path() / "journal", "boot");
  UndoList pending() const { return parse_undo_journal(read_file(journal_.path())); }
};

TEST_F(SysctlTest, FirstSeparatorDecides) {
  const auto file = tree_.root / "net/ipv4/conf/eth0.1/rp_filter";
  EXPECT_EQ(tree_.file_of("net/ipv4/conf/eth0.1/rp_filter"), file);
  EXPECT_EQ(tree_.file_of("net.ipv4.conf.eth0/1.rp_filter"), file);
}

TEST_F(SysctlTest, AKeyCannotLeaveTheTree) {
  for (const auto* key : {"", "/etc/passwd", "net/../../etc", "..", "net//../x", "net/", "./net"}) {
    EXPECT_EQ(error_of([&] { static_cast<void>(tree_.file_of(key)); }).kind(), ErrorKind::usage)
        << key;
  }
  EXPECT_EQ(error_of([&] { static_cast<void>(tree_.file_of("net.//.x")); }).kind(),
            ErrorKind::usage);
}

TEST_F(SysctlTest, ComparesAsTheKernelReads) {
  EXPECT_TRUE(same_sysctl_value("4096 8192\t16384\n", " 4096\t8192 16384"));
  EXPECT_TRUE(same_sysctl_value("0x10", "16"));
  EXPECT_TRUE(same_sysctl_value("010", "8"));
  EXPECT_TRUE(same_sysctl_value("-1", "-1"));
  EXPECT_TRUE(same_sysctl_value("", "\n"));
  EXPECT_TRUE(same_sysctl_value("cubic", "cubic\n"));
  EXPECT_FALSE(same_sysctl_value("4096", "4096 8192"));
  EXPECT_FALSE(same_sysctl_value("1", "-1"));
  EXPECT_FALSE(same_sysctl_value("cubic", "reno"));
  EXPECT_FALSE(same_sysctl_value("08", "8"));
}

TEST_F(SysctlTest, WritesAndReadsBack) {
  write_sysctl(tree_, "server", "net.ipv4.tcp_wmem", "4096 65536 8388608");
  EXPECT_EQ(value("net.ipv4.tcp_wmem"), "4096 65536 8388608");
}

TEST_F(SysctlTest, AnUnknownKeyNamesTheNearest) {
  const auto error = error_of([&] { write_sysctl(tree_, "client", "net.ipv4.tcp_rmen", "1"); });
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_STREQ(error.what(), "set net.ipv4.tcp_rmen in client: there is no such sysctl");
  EXPECT_EQ(error.remedy(), "did you mean net.ipv4.tcp_rmem?");
}

TEST_F(SysctlTest, TheRightWordInTheWrongFolderIsNearest) {
  for (const auto* key : {"somaxconn", "net.ipv4.somaxconn"}) {
    const auto error = error_of([&] { write_sysctl(tree_, "client", key, "1"); });
    EXPECT_EQ(error.remedy(), "did you mean net.core.somaxconn?") << key;
  }
}

TEST_F(SysctlTest, AnOverrideHoldsItsValueWhileItLives) {
  {
    SysctlOverride held(tree_, "net.core.somaxconn", "8192", journal_);
    EXPECT_EQ(value("net.core.somaxconn"), "8192");
    ASSERT_THAT(pending().pending, SizeIs(1));
    const auto entry = std::get<SysctlEntry>(pending().pending[0].entry);
    EXPECT_EQ(entry, held.entry());
    EXPECT_EQ(entry.before, "4096");
    EXPECT_TRUE(entry.confirmed);
  }
  EXPECT_EQ(value("net.core.somaxconn"), "4096");
  EXPECT_THAT(pending().pending, IsEmpty());
}

TEST_F(SysctlTest, ItIsAnnouncedBeforeItIsWritten) {
  bool announced = false;
  const StepHook hook = [&](std::string_view step) {
    if (step != "host_sysctl_announced") return;
    announced = true;
    EXPECT_THAT(pending().pending, SizeIs(1));
    EXPECT_EQ(value("net.core.somaxconn"), "4096");
  };
  const SysctlOverride held(tree_, "net.core.somaxconn", "8192", journal_, hook);
  EXPECT_TRUE(announced);
}

TEST_F(SysctlTest, AThrowAtAnyStepOfItPutsTheOldValueBack) {
  for (const auto* at : {"host_sysctl_announced", "host_sysctl_written"}) {
    const StepHook hook = [&](std::string_view step) {
      if (step == at) throw Error(ErrorKind::failed, "test", at);
    };
    EXPECT_THROW(SysctlOverride(tree_, "net.core.somaxconn", "8192", journal_, hook), Error);
    EXPECT_EQ(value("net.core.somaxconn"), "4096") << at;
    EXPECT_THAT(pending().pending, IsEmpty()) << at;
  }
}

TEST_F(SysctlTest, OverridesMoveAndRestoreOnce) {
  SysctlOverride first(tree_, "net.core.somaxconn", "8192", journal_);
  SysctlOverride second(tree_, "net.ipv4.tcp_wmem", "4096 65536 8388608", journal_);
  auto* self = &second;
  second = std::move(*self);
  EXPECT_EQ(value("net.ipv4.tcp_wmem"), "4096 65536 8388608");
  second = std::move(first);
  EXPECT_TRUE(same_sysctl_value(value("net.ipv4.tcp_wmem"), "4096 16384 4194304"));
  EXPECT_EQ(value("net.core.somaxconn"), "8192");
  EXPECT_EQ(second.restore().sentence, std::nullopt);
  EXPECT_EQ(value("net.core.somaxconn"), "4096");
  change("net.core.somaxconn", "1");
  EXPECT_EQ(second.restore().sentence, std::nullopt);
  EXPECT_EQ(value("net.core.somaxconn"), "1");
}

TEST_F(SysctlTest, WhatSomebodyElseChangedIsLeftAloneAndSaid) {
  SysctlOverride held(tree_, "net.core.somaxconn", "8192", journal_);
  change("net.core.somaxconn", "5");
  const auto result = held.restore();
  ASSERT_TRUE(result.sentence.has_value());
  EXPECT_THAT(*result.sentence, HasSubstr("net.core.somaxconn in host is '5': somebody else"));
  EXPECT_FALSE(result.worth_another_try);
  EXPECT_EQ(value("net.core.somaxconn"), "5");
  EXPECT_THAT(pending().pending, IsEmpty());
}

TEST_F(SysctlTest, UnconfirmedMeansTheKernelMayHaveMadeSomethingElseOfIt) {
  const SysctlEntry entry{"net.core.somaxconn", tree_.file_of("net.core.somaxconn"), "4096",
                          "99999", false};
  change("net.core.somaxconn", "9999");
  EXPECT_EQ(restore_sysctl(entry).sentence, std::nullopt);
  EXPECT_EQ(value("net.core.somaxconn"), "4096");
}

TEST_F(SysctlTest, ASysctlThatIsGoneIsSaid) {
  const SysctlEntry entry{"net.x", tree_.root / "net/x", "1", "2", true};
  const auto result = restore_sysctl(entry);
  ASSERT_TRUE(result.sentence.has_value());
  EXPECT_FALSE(result.worth_another_try);
}

}  // namespace
}  // namespace netstall
