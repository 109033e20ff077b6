// Locks between netstall programs on one machine: TCP memory is shared by all of
// it, so measured windows take turns.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace netstall {

enum class LockMode { exclusive, shared };

// What is done while another program is waited for.
struct Waiting {
  std::function<bool()> interrupted = {};  // asked every 10 ms
  // Told who is waited for, once when it takes longer than this; and each thing that was
  // put back for a run that died meanwhile.
  std::function<void(const std::string&)> warn = {};
  Nanoseconds tell_after = std::chrono::seconds(5);
};

// Holds the lock while it lives; a program that is killed loses it at once. The
// file stays: removing it would let two programs lock two files of one name.
class MachineLock {
 public:
  // Waits until the lock is free. Throws Error: failed when the deadline passes,
  // interrupted as soon as `waiting.interrupted` says so.
  MachineLock(const std::filesystem::path& path, LockMode mode, const Deadline& deadline,
              const Waiting& waiting = {});
  MachineLock(const std::filesystem::path& path, const Deadline& deadline,
              const Waiting& waiting = {})
      : MachineLock(path, LockMode::exclusive, deadline, waiting) {}

 private:
  Fd fd_;
};

// The values of host sysctls are every lab's: a new namespace copies some, and
// tcp_mem is one for all. A lab holds them as they are (shared) or is the one that
// changes them (exclusive), so such a run never overlaps another run's lab.
class HostSysctlTurn {
 public:
  // Locks files under `root`, and waits until no other run's journal there has a
  // host sysctl still to be put back. Where controller and guardian of such a run are
  // dead, which may show only after this one began, it is undone here. Errors as
  // MachineLock's, and failed where that cannot be.
  HostSysctlTurn(const std::filesystem::path& root, const std::filesystem::path& own_journal,
                 LockMode mode, const Deadline& deadline, const Waiting& waiting = {});

 private:
  MachineLock lock_;
};

}  // namespace netstall
