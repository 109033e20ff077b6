// A cgroup that limits the memory of one side's workers. Sockets are charged to the
// cgroup of their maker or acceptor, so a worker joins before its first socket.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "bench/lab/step.hpp"
#include "bench/lab/undo_journal.hpp"
#include "model/scenario.hpp"

namespace netstall {

// A file of a cgroup that bounds memory, and its value.
struct MemoryBound {
  std::string file;
  Bytes bytes;
};

// The bound of lab.tcp_memory_limit: TCP's memory alone, cgroup v1.
std::vector<MemoryBound> bounds_of(Bytes tcp_memory_limit);
// Those of lab.memory_limit: all memory of the processes, cgroup v2. None where none is set.
std::vector<MemoryBound> bounds_of(const MemoryLimitSpec& limit);

// What a cgroup of v2 says of its memory.
struct MemoryReading {
  std::map<std::string, std::int64_t> events;  // "memory_cgroup.high" → so far
  // "memory_cgroup.current", "memory_cgroup.sock" → bytes now: all of it, and TCP's
  std::map<std::string, std::int64_t> bytes;
};

// Owns one such cgroup. Not thread-safe.
class MemoryCgroup {
 public:
  // Journals, makes PARENT/NAME, sets the bounds (in whole pages: rounded down).
  // Throws Error; then nothing is left. The journal must outlive it.
  MemoryCgroup(const std::filesystem::path& parent, std::string_view name,
               const std::vector<MemoryBound>& bounds, UndoJournal& journal,
               const StepHook& hook = {});
  MemoryCgroup(MemoryCgroup&& other) noexcept;
  MemoryCgroup& operator=(MemoryCgroup&& other) noexcept;
  ~MemoryCgroup();

  const std::filesystem::path& path() const noexcept { return path_; }
  // What the kernel holds, as read back: "cgroup v1 kmem.tcp, 1048576 bytes", or
  // "cgroup v2 memory.max, 268435456 bytes; memory.high, 209715200 bytes".
  const std::string& description() const noexcept { return description_; }
  // Nothing of v1.
  MemoryReading read() const;
  // Removes it once its processes and the memory of its sockets are gone. A second
  // call does nothing.
  UndoResult remove(const Deadline& deadline) noexcept;

 private:
  void set(const MemoryBound& bound);

  std::filesystem::path path_;
  std::string description_;
  UndoJournal* journal_ = nullptr;  // null: nothing to remove
  UndoTicket ticket_ = 0;
};

}  // namespace netstall
