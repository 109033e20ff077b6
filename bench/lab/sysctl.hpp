// Setting sysctls: written, read back and compared, with an error that says what
// to do; and put back, for those of the host.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/netns.hpp"
#include "bench/lab/step.hpp"
#include "bench/lab/undo_journal.hpp"
#include "model/scenario.hpp"

namespace netstall {

// The tree of sysctl files; a test gives a fixture.
struct SysctlTree {
  std::filesystem::path root = "/proc/sys";
  // net.ipv4.tcp_rmem or net/ipv4/tcp_rmem → ROOT/net/ipv4/tcp_rmem. Throws Error
  // (usage) on a key that would leave the tree.
  std::filesystem::path file_of(std::string_view key) const;
};

// True when both texts mean the same to the kernel: the same fields, whatever
// white space is between them, numbers by value (0x10 is 16).
bool same_sysctl_value(std::string_view one, std::string_view other);

// The fields as the kernel reads numbers: decimal, 0x… or 0…; nothing where one is none.
std::optional<std::vector<long long>> sysctl_integers(std::string_view text);

// What writing this key of the host changes beside it, which nobody could put back, for a
// sentence; nothing for most keys.
std::optional<std::string_view> changes_beside(std::string_view key);

// Writes one value where the calling thread is, and reads it back. `scope` is
// "client", "server" or "host", for the text of an Error:
//   usage      unknown key (with the nearest ones), a value that is refused or changed
//   incapable  not permitted
// On Error the old value is back.
void write_sysctl(const SysctlTree& tree, std::string_view scope, std::string_view key,
                  std::string_view value);

// Writes a side's values inside its namespace, in order, before any socket is
// made there. They need no undoing: they go with the namespace. A key that the
// namespace does not have for itself is an Error (usage) that points to
// sysctl.host and --allow-host-sysctl.
void write_side_sysctls(const SysctlTree& tree, const Netns& netns, Side side,
                        const SysctlMap& values);

// Holds one sysctl of the host at a value and puts the old text back when
// destroyed. Bound to the namespace of the thread that made it; destroy it there.
class SysctlOverride {
 public:
  // Journals the old value, writes the new one, reads it back. Throws Error as
  // write_sysctl does; then nothing has changed. The journal must outlive it.
  SysctlOverride(const SysctlTree& tree, std::string_view key, std::string_view value,
                 UndoJournal& journal, const StepHook& hook = {});
  SysctlOverride(SysctlOverride&& other) noexcept;
  SysctlOverride& operator=(SysctlOverride&& other) noexcept;
  ~SysctlOverride();

  const SysctlEntry& entry() const noexcept { return entry_; }
  // Puts the old value back and checks that it is. A value that somebody else
  // changed meanwhile is left alone, and said. A second call does nothing.
  UndoResult restore() noexcept;

 private:
  SysctlEntry entry_;
  UndoJournal* journal_ = nullptr;  // null: nothing to restore
  UndoTicket ticket_ = 0;
};

// The same from a journal's entry alone.
UndoResult restore_sysctl(const SysctlEntry& entry);

}  // namespace netstall
