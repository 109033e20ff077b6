#include "base/stop_signals.hpp"

#include <sys/signalfd.h>
#include <unistd.h>

#include <cerrno>

#include "base/error.hpp"

namespace netstall {

StopSignals::StopSignals() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_BLOCK, &ours, &before_);
  fd_.reset(::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd_) throw_errno("watch for signals", errno);
}

StopSignals::~StopSignals() {
  // What is pending has been answered by stopping; unblocked, it would kill the program
  // while it unwinds.
  while (take()) {
  }
  ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
}

std::optional<StopSignals::Stop> StopSignals::take() const {
  signalfd_siginfo info{};
  if (::read(fd_.get(), &info, sizeof info) != sizeof info) return std::nullopt;
  return Stop{static_cast<int>(info.ssi_signo), info.ssi_code == SI_KERNEL};
}

}  // namespace netstall
