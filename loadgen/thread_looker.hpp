// What the kernel tells of a sender's thread, to another thread of the process.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/fd.hpp"
#include "loadgen/sender_thread.hpp"

namespace netstall {

struct ThreadStatus {
  std::uint64_t waits = 0;  // voluntary context switches so far
  bool asleep = false;
};

// From the text of /proc/PID/task/TID/status; nothing where a line is missing.
std::optional<ThreadStatus> parse_thread_status(std::string_view text) noexcept;

// Thread-safe.
class ThreadLooker {
 public:
  // Throws Error without /proc.
  ThreadLooker();

  // Some 10 µs; nothing where the thread has ended.
  std::optional<ThreadStatus> status(const SenderThread& thread) const noexcept;
  // CPU time of the thread, ns. Some 0.3 µs.
  static std::int64_t cpu_time(const SenderThread& thread) noexcept;
  // Whether the thread is in a send() that has waited.
  bool waits(const SenderThread& thread) const noexcept;

 private:
  Fd tasks_;
};

}  // namespace netstall
