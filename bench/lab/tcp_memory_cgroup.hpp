// A limit on the TCP memory of one side: a child cgroup with cgroup v1's
// memory.kmem.tcp.limit_in_bytes. Sockets are charged to the cgroup of their
// maker or acceptor, so a worker joins before its first socket.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/units.hpp"
#include "bench/lab/step.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {

constexpr std::string_view kCgroupPrefix = "netstall-";

// Where a cgroup of ours can be made: the calling process's own memory cgroup,
// as a folder. Or why there is none, in a sentence.
struct MemoryCgroup {
  std::optional<std::filesystem::path> folder;
  std::string why_not;
};

// From the texts of /proc/self/mountinfo and /proc/self/cgroup. Pure.
MemoryCgroup find_memory_cgroup(std::string_view mountinfo, std::string_view own_cgroups);
// On this machine; also checks that kmem.tcp is there.
MemoryCgroup find_memory_cgroup(const std::filesystem::path& proc = "/proc");

// Nothing when a TCP memory limit can be set here; else a sentence that says why
// not and how to see such a cell otherwise.
std::optional<std::string> why_no_memory_limit(const std::filesystem::path& proc = "/proc");

// Owns one such cgroup. Not thread-safe.
class TcpMemoryCgroup {
 public:
  // Journals, makes PARENT/NAME, sets the limit (in whole pages: rounded down).
  // Throws Error; then nothing is left. The journal must outlive it.
  TcpMemoryCgroup(const std::filesystem::path& parent, std::string_view name, Bytes limit,
                  UndoJournal& journal, const StepHook& hook = {});
  TcpMemoryCgroup(TcpMemoryCgroup&& other) noexcept;
  TcpMemoryCgroup& operator=(TcpMemoryCgroup&& other) noexcept;
  ~TcpMemoryCgroup();

  const std::filesystem::path& path() const noexcept { return path_; }
  // What the kernel holds, as read back.
  Bytes limit() const noexcept { return limit_; }
  // Removes it once its processes and the memory of its sockets are gone. A second
  // call does nothing.
  UndoResult remove(const Deadline& deadline) noexcept;

 private:
  std::filesystem::path path_;
  Bytes limit_;
  UndoJournal* journal_ = nullptr;  // null: nothing to remove
  UndoTicket ticket_ = 0;
};

}  // namespace netstall
