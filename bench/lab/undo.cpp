#include "bench/lab/undo.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "bench/lab/device.hpp"
#include "bench/lab/memory_controller.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/tcp_mem.hpp"

namespace netstall {
namespace {

// The kernel tells nobody when a cgroup empties or memory is given back.
void pause_briefly() {
  ::poll(nullptr, 0, 1);
}

Fd open_process(pid_t pid) {
  return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

// Numbers are reused, a pidfd is not: what the number means is checked after the
// pidfd is open, so that a signal through it can only hit who was meant.
std::optional<Fd> open_exactly(const ProcessEntry& entry) {
  Fd pidfd = open_process(entry.pid);
  if (!pidfd || process_start_time(entry.pid) != entry.start_time) return std::nullopt;
  return pidfd;
}

std::vector<pid_t> processes_in(const std::filesystem::path& cgroup) {
  std::vector<pid_t> pids;
  const auto text = try_read_file(cgroup / "cgroup.procs");
  if (!text) return pids;
  for (std::string_view left = *text; !left.empty();) {
    pid_t pid = 0;
    std::from_chars(left.data(), left.data() + left.size(), pid);
    if (pid > 0 && pid != ::getpid()) pids.push_back(pid);
    const auto end = left.find('\n');
    left.remove_prefix(end == std::string_view::npos ? left.size() : end + 1);
  }
  return pids;
}

void open_members(const std::filesystem::path& cgroup, std::vector<Fd>& pidfds) {
  std::vector<std::pair<pid_t, Fd>> opened;
  for (const pid_t pid : processes_in(cgroup)) opened.emplace_back(pid, open_process(pid));
  // Still a member after it was opened: then the pidfd is a member's, or a dead one's.
  const auto still = processes_in(cgroup);
  for (auto& [pid, pidfd] : opened) {
    if (pidfd && std::find(still.begin(), still.end(), pid) != still.end()) {
      pidfds.push_back(std::move(pidfd));
    }
  }
}

bool gone(const Fd& pidfd, const Deadline& deadline) {
  pollfd event{pidfd.get(), POLLIN, 0};
  while (::poll(&event, 1, deadline.poll_timeout()) < 0 && errno == EINTR) {
  }
  return event.revents != 0;
}

std::vector<Fd> open_all(const UndoList& list) {
  std::vector<Fd> pidfds;
  for (const auto& pending : list.pending) {
    if (const auto* process = std::get_if<ProcessEntry>(&pending.entry)) {
      if (auto pidfd = open_exactly(*process)) pidfds.push_back(std::move(*pidfd));
    } else if (const auto* cgroup = std::get_if<CgroupEntry>(&pending.entry)) {
      open_members(cgroup->path, pidfds);
    }
  }
  return pidfds;
}

// Again and again: a process may fork until it is killed. A zombie whose parent
// does not reap it counts as gone.
bool end_processes(const UndoList& list, const Deadline& deadline) {
  for (;;) {
    auto pidfds = open_all(list);
    std::erase_if(pidfds, [](const Fd& pidfd) { return gone(pidfd, Deadline(Nanoseconds(0))); });
    if (pidfds.empty()) return true;
    for (const auto& pidfd : pidfds) {
      ::syscall(SYS_pidfd_send_signal, pidfd.get(), SIGKILL, nullptr, 0);
    }
    for (const auto& pidfd : pidfds) {
      if (!gone(pidfd, deadline)) return false;
    }
  }
}

// TCP's memory that is charged to a cgroup, in bytes as the kernel writes them: cgroup v1
// has a file of it, v2 a line. "0" where the cgroup is gone.
std::string held_by_sockets(const std::filesystem::path& cgroup) {
  if (const auto v1 = try_read_file(cgroup / "memory.kmem.tcp.usage_in_bytes")) {
    return std::string(trimmed(*v1));
  }
  constexpr std::string_view kLine = "\nsock ";
  const auto v2 = try_read_file(cgroup / "memory.stat").value_or("");
  const auto at = v2.find(kLine);
  if (at == std::string::npos) return "0";
  const auto begin = at + kLine.size();
  return v2.substr(begin, v2.find('\n', begin) - begin);
}

UndoResult undo_sysctl(const SysctlEntry& entry, std::vector<std::string>& done) {
  const auto now = try_read_file(entry.file);
  auto result = restore_sysctl(entry);
  if (!result.sentence && now && !same_sysctl_value(*now, entry.before)) {
    auto value = entry.before;
    std::replace(value.begin(), value.end(), '\t', ' ');
    done.push_back(fmt::format("{} in host is back at '{}'", entry.key, value));
  }
  return result;
}

UndoResult undo_entry(const UndoEntry& entry, const Deadline& deadline,
                      std::span<const Netns> namespaces, std::vector<std::string>& done) {
  if (const auto* cgroup = std::get_if<CgroupEntry>(&entry)) {
    return remove_cgroup(cgroup->path, deadline);
  }
  if (const auto* sysctl = std::get_if<SysctlEntry>(&entry)) return undo_sysctl(*sysctl, done);
  if (const auto* device = std::get_if<DeviceEntry>(&entry)) {
    return return_device(*device, namespaces, deadline);
  }
  return {};  // processes have been ended before
}

}  // namespace

UndoOutcome undo_all(const UndoList& list, UndoJournal& journal, const Deadline& deadline,
                     std::span<const Netns> namespaces) {
  UndoOutcome outcome;
  outcome.sentences = list.faults;
  const auto undo = [&](const auto& pending) {
    auto undone = undo_entry(pending.entry, deadline, namespaces, outcome.done);
    outcome.worth_another_try = outcome.worth_another_try || undone.worth_another_try;
    if (undone.sentence) {
      // Not marked: who reads the journal next can say it again.
      outcome.sentences.push_back(std::move(*undone.sentence));
      return;
    }
    try {
      journal.undone(pending.ticket);
    } catch (const Error&) {
      // The mark only saves work: undoing twice finds the old state and leaves it.
    }
  };
  // A machine short of TCP memory is not left so while many sockets are being closed.
  const auto is_urgent = [](const UndoEntry& entry) {
    const auto* sysctl = std::get_if<SysctlEntry>(&entry);
    return sysctl != nullptr && lowers_tcp_mem(*sysctl);
  };
  for (auto pending = list.pending.rbegin(); pending != list.pending.rend(); ++pending) {
    if (is_urgent(pending->entry)) undo(*pending);
  }
  if (!end_processes(list, deadline)) {
    outcome.sentences.emplace_back("a process of the run did not end when it was killed");
    outcome.worth_another_try = true;
  }
  for (auto pending = list.pending.rbegin(); pending != list.pending.rend(); ++pending) {
    if (!is_urgent(pending->entry)) undo(*pending);
  }
  return outcome;
}

UndoResult remove_cgroup(const std::filesystem::path& path, const Deadline& deadline) {
  std::string held;
  while ((held = held_by_sockets(path)) != "0" && !deadline.passed()) pause_briefly();
  while (::rmdir(path.c_str()) != 0 && errno != ENOENT) {
    const int error = errno;
    if (error != EBUSY || deadline.passed()) {
      return {fmt::format("remove cgroup {}: {}", path.string(), errno_text(error)), true};
    }
    pause_briefly();
  }
  auto result = give_back_memory_controller(path.parent_path(), deadline);
  if (held == "0" || result.sentence) return result;
  return {fmt::format("cgroup {} is removed, but sockets charged to it still hold {} bytes",
                      path.string(), held),
          false};
}

}  // namespace netstall
