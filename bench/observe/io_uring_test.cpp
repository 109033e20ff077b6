#include "bench/observe/io_uring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>

#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

// For this process from now on.
void refuse_rings(std::uint32_t error_number) {
  std::array<sock_filter, 4> program{
      {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
       BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 0, 1),
       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error_number),
       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)}};
  const sock_fprog filter{program.size(), program.data()};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
    ::_exit(3);
  }
}

// Whether a process that is refused so is told the reason.
bool says_where_refused(int error_number, const char* words) {
  const pid_t child = ::fork();
  if (child == 0) {
    refuse_rings(static_cast<std::uint32_t>(error_number));
    const auto why = why_no_io_uring();
    ::_exit(why && why->find(words) != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(IoUring, SaysWhyThereIsNone) {
  EXPECT_TRUE(says_where_refused(ENOSYS, "no io_uring"));
  EXPECT_TRUE(says_where_refused(EPERM, "seccomp"));
  EXPECT_TRUE(says_where_refused(ENOMEM, "Cannot allocate memory"));
}

TEST(IoUring, IsForWorkersWhereItIsForAll) {
  const MachineCopy machine(vm_machine());
  machine.write("proc/sys/kernel/io_uring_disabled", "1\n");
  EXPECT_THAT(why_no_io_uring(machine.root()).value_or(""), HasSubstr("io_uring_disabled is 1"));
  machine.write("proc/sys/kernel/io_uring_disabled", "2\n");
  EXPECT_THAT(why_no_io_uring(machine.root()).value_or(""), HasSubstr("io_uring_disabled is 2"));
  machine.write("proc/sys/kernel/io_uring_disabled", "0\n");
  EXPECT_EQ(why_no_io_uring(machine.root()), why_no_io_uring(vm_machine()));
}

}  // namespace
}  // namespace netstall
