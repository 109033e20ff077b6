#include "bench/run/ring_worker.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"
#include "bench/observe/io_uring.hpp"

namespace netstall {

namespace fs = std::filesystem;

fs::path ring_worker_file() {
  std::error_code none;
  const auto program = fs::read_symlink("/proc/self/exe", none);
  return (program.parent_path() / NETSTALL_LIBEXEC_FROM_BIN / "netstall-worker-uring")
      .lexically_normal();
}

std::optional<std::string> why_no_ring_worker() {
  if (auto why = why_no_io_uring()) return why;
  const auto file = ring_worker_file();
  if (::access(file.c_str(), X_OK) == 0) return std::nullopt;
  return fmt::format("{}, the worker that sends by io_uring, cannot be started: {}", file.string(),
                     errno_text(errno));
}

Fd open_ring_worker() {
  const auto file = ring_worker_file();
  Fd program(::open(file.c_str(), O_PATH | O_CLOEXEC));
  if (!program) {
    throw Error(ErrorKind::incapable, fmt::format("start {}", file.string()), errno_text(errno),
                "build it (netstall-worker-uring), or use another \"io\"");
  }
  return program;
}

}  // namespace netstall
