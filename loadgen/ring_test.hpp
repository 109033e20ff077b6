// For tests: whether this machine lets a process make a ring (io_uring).
#pragma once

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace netstall {

// Nothing, or why not.
inline std::string why_no_ring() {
  std::array<std::uint32_t, 30> parameters{};  // as large as io_uring_params
  const Fd ring(static_cast<int>(::syscall(SYS_io_uring_setup, 1, parameters.data())));
  return ring ? "" : "io_uring: " + errno_text(errno);
}

#define SKIP_WITHOUT_IO_URING() \
  if (const auto why_not = why_no_ring(); !why_not.empty()) GTEST_SKIP() << why_not

}  // namespace netstall
