#include "bench/trace/traced_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/error.hpp"

namespace netstall {
namespace {

// First the reading end.
std::array<Fd, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("make a pipe", errno);
  return {Fd(ends[0]), Fd(ends[1])};
}

ssize_t read_whole(int fd, void* into, std::size_t bytes) {
  ssize_t got = 0;
  do {
    got = ::read(fd, into, bytes);
  } while (got < 0 && errno == EINTR);
  return got;
}

}  // namespace

TracedCommand::TracedCommand(std::vector<std::string> argv) : name_(argv.at(0)) {
  auto go = make_pipe();
  auto report = make_pipe();
  std::vector<char*> pointers;
  for (auto& word : argv) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ < 0) throw_errno(fmt::format("start {}", name_), errno);
  if (pid_ == 0) {
    go[1].reset();
    char byte = 0;
    // Nothing to read: the tracer is gone or has given up.
    if (read_whole(go[0].get(), &byte, 1) != 1) ::_exit(127);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::execvp(pointers[0], pointers.data());
    const int error = errno;
    static_cast<void>(!::write(report[1].get(), &error, sizeof error));
    ::_exit(127);
  }
  go_ = std::move(go[1]);
  report_ = std::move(report[0]);
  pidfd_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_) {
    const int error = errno;
    go_.reset();
    ::waitpid(pid_, nullptr, 0);
    throw_errno(fmt::format("watch {}", name_), error);
  }
}

TracedCommand::~TracedCommand() {
  if (!go_) return;
  go_.reset();
  ::waitpid(pid_, nullptr, 0);
}

void TracedCommand::go() {
  const char byte = 1;
  static_cast<void>(!::write(go_.get(), &byte, 1));
  go_.reset();
  int error = 0;
  // Closed by a successful exec.
  if (read_whole(report_.get(), &error, sizeof error) == sizeof error) {
    ::waitpid(pid_, nullptr, 0);
    throw Error(ErrorKind::usage, fmt::format("run {}", name_), errno_text(error),
                "what follows -- is the command and its arguments");
  }
}

void TracedCommand::send(int signal) const noexcept {
  ::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0);
}

int TracedCommand::wait() {
  while (!status_) {
    int status = 0;
    const auto ended = ::waitpid(pid_, &status, 0);
    if (ended == pid_) status_ = status;
    if (ended < 0 && errno != EINTR) throw_errno(fmt::format("wait for {}", name_), errno);
  }
  return *status_;
}

}  // namespace netstall
