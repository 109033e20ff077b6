// A command that is started to be traced, from its first system call on.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace netstall {

// Runs as the user would run it: same user, group, terminal, descriptors and signals.
// It waits before its exec until go(). Destroyed before that, it never runs; after
// that, it is left to itself. Not thread-safe.
class TracedCommand {
 public:
  // `argv` is not empty. Call before threads are made. Throws Error.
  explicit TracedCommand(std::vector<std::string> argv);
  TracedCommand(const TracedCommand&) = delete;
  TracedCommand& operator=(const TracedCommand&) = delete;
  ~TracedCommand();

  pid_t pid() const noexcept { return pid_; }
  // Readable once it has ended.
  int pidfd() const noexcept { return pidfd_.get(); }

  // Lets it run. Throws Error (usage) where it cannot be executed.
  void go();

  void send(int signal) const noexcept;

  // The wait status, once it has ended; waits for that.
  int wait();

 private:
  std::string name_;
  pid_t pid_ = -1;
  Fd pidfd_;
  Fd go_;
  Fd report_;
  std::optional<int> status_;
};

}  // namespace netstall
