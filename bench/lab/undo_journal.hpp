// The undo journal: what a run is about to change on the machine, written before
// it does, so that another process can put it back. Plain text, a line an entry.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/fd.hpp"

namespace netstall {

// A cgroup that netstall made: to be emptied of processes and removed.
struct CgroupEntry {
  std::filesystem::path path;
  friend bool operator==(const CgroupEntry&, const CgroupEntry&) = default;
};

// A sysctl of the host: to be put back to `before`, but where it was confirmed to
// read `after` and does so no more, somebody else has changed it since. Until then
// the kernel may have made something else of `after`.
struct SysctlEntry {
  std::string key;
  std::filesystem::path file;
  std::string before;
  std::string after;
  bool confirmed = false;
  friend bool operator==(const SysctlEntry&, const SysctlEntry&) = default;
};

// A process to be ended. Its start time (clock ticks since boot, field 22 of
// /proc/PID/stat) tells it from a later one with the same number.
struct ProcessEntry {
  pid_t pid = -1;
  std::uint64_t start_time = 0;
  friend bool operator==(const ProcessEntry&, const ProcessEntry&) = default;
};

// A port that a lab took: to be moved back, and made what `state` says (device.hpp).
struct DeviceEntry {
  std::string name;
  std::string state;
  friend bool operator==(const DeviceEntry&, const DeviceEntry&) = default;
};

using UndoEntry = std::variant<CgroupEntry, SysctlEntry, ProcessEntry, DeviceEntry>;

// Numbers an entry within its journal.
using UndoTicket = std::size_t;

struct PendingUndo {
  UndoTicket ticket = 0;
  UndoEntry entry;
};

// What a journal says is still to be undone, oldest first.
struct UndoList {
  std::string boot_id;  // of the boot that wrote it; empty when not even that was written
  std::vector<PendingUndo> pending;
  std::vector<std::string> faults;  // sentences: lines that are none of a journal
};

// What came of undoing one thing.
struct UndoResult {
  std::optional<std::string> sentence;  // what is not as it was, and why
  bool worth_another_try = false;
};

// Reads a journal's text. A last line without its end was being written when the
// writer died, and nothing had been changed for it yet: it is left out.
UndoList parse_undo_journal(std::string_view text);

// Appends to one run's journal. An announcement is in the file and synced when its
// call returns, so that the change may be made: a full or broken disk shows before
// it, not after. Throws Error when it cannot be written. Not thread-safe.
class UndoJournal {
 public:
  // A new file; its head names the boot.
  static UndoJournal create(const std::filesystem::path& path, std::string_view boot_id);
  // One that is there. Only one of the journals open on a file may announce; others
  // may only mark entries undone.
  static UndoJournal open(const std::filesystem::path& path);

  UndoTicket will_make_cgroup(const std::filesystem::path& path);
  UndoTicket will_write_sysctl(const SysctlEntry& entry);
  UndoTicket will_move_device(const DeviceEntry& entry);
  // The sysctl was written, and read back as announced.
  void confirm_sysctl(UndoTicket ticket);
  UndoTicket watch_process(const ProcessEntry& entry);
  void undone(UndoTicket ticket);

  const std::filesystem::path& path() const noexcept { return path_; }
  int fd() const noexcept { return fd_.get(); }

 private:
  UndoJournal(std::filesystem::path path, int flags);
  UndoTicket append_entry(std::string_view line, bool sync);
  off_t size() const;
  // Cuts off a part of a line that a writer left; returns the size then.
  off_t drop_torn_line();
  void append(std::string_view line, bool sync);

  std::filesystem::path path_;
  Fd fd_;
  UndoTicket next_ = 0;
};

// The start time of a process, or nothing when there is none with this number.
std::optional<std::uint64_t> process_start_time(pid_t pid);

// /proc/sys/kernel/random/boot_id, trimmed.
std::string current_boot_id();

}  // namespace netstall
