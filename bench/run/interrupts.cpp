#include "bench/run/interrupts.hpp"

#include <poll.h>
#include <sys/signalfd.h>

#include <cerrno>

#include "base/error.hpp"

namespace netstall {

Interrupts::Interrupts() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before_);
  fd_.reset(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw_errno("watch for signals", errno);
}

Interrupts::~Interrupts() {
  // Take what is pending, or unblocking would kill the program while it unwinds.
  signalfd_siginfo info{};
  while (::read(fd_.get(), &info, sizeof info) > 0) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

bool Interrupts::pending() const noexcept {
  pollfd event{fd_.get(), POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

void Interrupts::check() const {
  if (pending()) throw Error(ErrorKind::interrupted, "run", "interrupted by a signal");
}

}  // namespace netstall
