// SIGINT, SIGTERM and SIGHUP as something to read, with who sent them.
#pragma once

#include <csignal>
#include <optional>

#include "base/fd.hpp"

namespace netstall {

// Blocks the signals in the calling thread for as long as it lives: make it before
// any thread. Not thread-safe.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  // Readable while a signal waits.
  int fd() const noexcept { return fd_.get(); }

  struct Stop {
    int signal = 0;
    bool of_terminal = false;  // Ctrl-C: the whole process group has got it
  };
  // The next one that waits.
  std::optional<Stop> take() const;

 private:
  sigset_t before_{};
  Fd fd_;
};

}  // namespace netstall
