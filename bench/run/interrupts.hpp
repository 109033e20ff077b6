// SIGINT, SIGTERM and SIGHUP as a descriptor, so that a run unwinds in order
// instead of dying in the middle.
#pragma once

#include "base/stop_signals.hpp"

namespace netstall {

// Blocks the signals in the calling thread, and in those it makes later, for as
// long as it lives: make it before any thread. Programs that are started get
// their signals back (base/process.hpp).
class Interrupts {
 public:
  // Readable once a signal is pending; stays so.
  int fd() const noexcept { return signals_.fd(); }
  bool pending() const noexcept;
  // Throws Error (interrupted) once a signal is pending.
  void check() const;

 private:
  StopSignals signals_;
};

}  // namespace netstall
