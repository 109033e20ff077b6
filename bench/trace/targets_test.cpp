#include "bench/trace/targets.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "base/error.hpp"
#include "base/process.hpp"
#include "bench/trace/traced_command.hpp"

namespace netstall {
namespace {

using ::testing::HasSubstr;

void expect_refused(const TargetNames& names, const std::string& sentence) {
  try {
    find_targets(names);
    FAIL() << "not refused: " << sentence;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr(sentence));
  }
}

TEST(Targets, WhatIsThereIsFound) {
  TargetNames names;
  names.pids = {static_cast<std::uint32_t>(::getpid())};
  names.comms = {"a-name-of-more-than-15"};
  names.netns = {"/proc/self/ns/net"};
  names.ports = {80, 65535};
  const auto targets = find_targets(names);
  EXPECT_EQ(targets.filter.pids, names.pids);
  EXPECT_EQ(targets.filter.comms, std::vector<std::string>{"a-name-of-more-"});
  struct stat entry {};
  ASSERT_EQ(::stat("/proc/self/ns/net", &entry), 0);
  EXPECT_EQ(targets.filter.netns_inodes, std::vector{static_cast<std::uint32_t>(entry.st_ino)});
  EXPECT_EQ(targets.filter.ports, (std::vector<std::uint16_t>{80, 65535}));
  EXPECT_EQ(targets.processes.size(), 1U);
}

TEST(Targets, WhatIsNotThereIsRefused) {
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  TargetNames zombie;
  zombie.pids = {static_cast<std::uint32_t>(ended)};
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(ended), &info, WEXITED | WNOWAIT), 0);
  expect_refused(zombie, "it has ended");
  ::waitpid(ended, nullptr, 0);
  expect_refused(zombie, "there is no such process");

  TargetNames names;
  names.cgroups = {"/no/such/cgroup"};
  expect_refused(names, "trace cgroup /no/such/cgroup: there is no such cgroup");
  names.cgroups = {"/tmp"};
  expect_refused(names, "/tmp is a folder, and no cgroup");
  names = {};
  names.netns = {"no-such-netns"};
  expect_refused(names, "trace network namespace no-such-netns: there is none of that name");
  names.netns = {"/proc/self/ns/pid"};
  expect_refused(names, "it is something else");
  names.netns = {"/dev/null"};
  expect_refused(names, "it is something else");
  names = {};
  names.ports = {65536};
  expect_refused(names, "trace port 65536: expected 1 to 65535");
  names.ports = {0};
  expect_refused(names, "expected 1 to 65535");
  names = {};
  names.comms = {""};
  expect_refused(names, "the name is empty");
}

int status_of(std::vector<std::string> argv) {
  TracedCommand command(std::move(argv));
  command.go();
  return exit_code_of(command.wait());
}

TEST(TracedCommand, PassesItsExitStatusOn) {
  EXPECT_EQ(status_of({"true"}), 0);
  EXPECT_EQ(status_of({"sh", "-c", "exit 7"}), 7);
  EXPECT_EQ(status_of({"sh", "-c", "kill -TERM $$"}), 128 + 15);
}

TEST(TracedCommand, WhatCannotBeExecutedIsBadInput) {
  try {
    status_of({"no-such-command"});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_STREQ(error.what(), "run no-such-command: No such file or directory");
  }
}

TEST(TracedCommand, NeverRunsWithoutGo) {
  char file[] = "/tmp/netstall-test-XXXXXX";
  ASSERT_GE(::mkstemp(file), 0);
  { const TracedCommand command({"rm", file}); }
  EXPECT_EQ(::access(file, F_OK), 0);
  ::unlink(file);
}

}  // namespace
}  // namespace netstall
