// SIGINT, SIGTERM and SIGHUP as a descriptor, so that a run unwinds in order
// instead of dying in the middle.
#pragma once

#include <csignal>

#include "base/fd.hpp"

namespace netstall {

// Blocks the signals in the calling thread, and in those it makes later, for as
// long as it lives: make it before any thread. Programs that are started get
// their signals back (base/process.hpp).
class Interrupts {
 public:
  Interrupts();
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  ~Interrupts();

  // Readable once a signal is pending; stays so.
  int fd() const noexcept { return fd_.get(); }
  bool pending() const noexcept;
  // Throws Error (interrupted) once a signal is pending.
  void check() const;

 private:
  sigset_t before_{};
  Fd fd_;
};

}  // namespace netstall
