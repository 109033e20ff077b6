#include "bench/observe/io_uring.hpp"

#include <fmt/format.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "bench/observe/system_files.hpp"

namespace netstall {

std::optional<std::string> why_no_io_uring(const std::filesystem::path& root) {
  // 1: for CAP_SYS_ADMIN and kernel.io_uring_group alone; 2: for nobody. Linux 6.6.
  const auto disabled = SystemFiles(root).number("proc/sys/kernel/io_uring_disabled").value_or(0);
  if (disabled != 0) {
    return fmt::format(
        "io_uring is not for workers: kernel.io_uring_disabled is {} (sysctl -w "
        "kernel.io_uring_disabled=0)",
        disabled);
  }
  io_uring_params parameters{};
  const Fd ring(static_cast<int>(::syscall(__NR_io_uring_setup, 1, &parameters)));
  if (ring) return std::nullopt;
  if (errno == ENOSYS) return "this kernel has no io_uring (CONFIG_IO_URING)";
  if (errno == EPERM) {
    return "io_uring is forbidden to this process (EPERM), as by the seccomp filter of a container";
  }
  return fmt::format("io_uring cannot be used: {}", errno_text(errno));
}

}  // namespace netstall
