// Locks between netstall programs on one machine: TCP memory is shared by all of
// it, so measured windows take turns.
#pragma once

#include <filesystem>
#include <functional>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace netstall {

enum class LockMode { exclusive, shared };

// Holds the lock while it lives; a program that is killed loses it at once. The
// file stays: removing it would let two programs lock two files of one name.
class MachineLock {
 public:
  // Waits until the lock is free. Throws Error: failed when the deadline passes,
  // interrupted as soon as `interrupted` (asked every 10 ms) says so.
  MachineLock(const std::filesystem::path& path, LockMode mode, const Deadline& deadline,
              const std::function<bool()>& interrupted = {});
  MachineLock(const std::filesystem::path& path, const Deadline& deadline,
              const std::function<bool()>& interrupted = {})
      : MachineLock(path, LockMode::exclusive, deadline, interrupted) {}

 private:
  Fd fd_;
};

// The values of host sysctls are every lab's: a new namespace copies some, and
// tcp_mem is one for all. A lab holds them as they are (shared) or is the one that
// changes them (exclusive), so such a run never overlaps another run's lab.
class HostSysctlTurn {
 public:
  // Locks files under `root`, and waits until no other run's journal there has a
  // host sysctl still to be put back. Errors as MachineLock's.
  HostSysctlTurn(const std::filesystem::path& root, const std::filesystem::path& own_journal,
                 LockMode mode, const Deadline& deadline,
                 const std::function<bool()>& interrupted = {});

 private:
  MachineLock lock_;
};

}  // namespace netstall
