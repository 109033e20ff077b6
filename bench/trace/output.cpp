#include "bench/trace/output.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/error.hpp"

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

bool TraceOutput::write_all(int stop) {
  for (write_some(); !empty(); write_some()) {
    std::array<pollfd, 2> events{{{fd(), POLLOUT, 0}, {stop, POLLIN, 0}}};
    ::poll(events.data(), events.size(), -1);
    if (events[0].revents == 0 && events[1].revents != 0) return false;
  }
  return true;
}

}  // namespace netstall
