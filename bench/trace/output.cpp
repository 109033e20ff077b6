#include "bench/trace/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {

TraceOutput::TraceOutput(const std::string& file) : name_(file.empty() ? "standard output" : file) {
  if (file.empty()) return;
  file_.reset(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!file_) {
    throw Error(ErrorKind::usage, fmt::format("write {}", file), errno_text(errno),
                "name a place that can be written with -o");
  }
}

void TraceOutput::write_some() {
  std::size_t done = 0;
  while (done < pending_.size()) {
    pollfd ready{fd(), POLLOUT, 0};
    if (::poll(&ready, 1, 0) <= 0 || (ready.revents & (POLLOUT | POLLERR | POLLHUP)) == 0) break;
    // So much a pipe that is ready takes at once.
    const auto count = std::min<std::size_t>(pending_.size() - done, PIPE_BUF);
    const auto wrote = ::write(fd(), pending_.data() + done, count);
    if (wrote < 0 && errno == EAGAIN) break;
    if (wrote < 0 && errno != EINTR) throw_errno(fmt::format("write {}", name_), errno);
    if (wrote > 0) done += static_cast<std::size_t>(wrote);
  }
  pending_.erase(0, done);
}

void TraceOutput::write_all() {
  const int error = netstall::write_all(fd(), pending_);
  pending_.clear();
  if (error != 0) throw_errno(fmt::format("write {}", name_), error);
}

}  // namespace netstall
