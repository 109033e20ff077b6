#include "bench/lab/machine_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/run_folder.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

// One step of waiting for what no descriptor tells. Throws when it is enough.
void wait_a_step(const std::string& operation, const std::string& cause, const Deadline& deadline,
                 const std::function<bool()>& interrupted) {
  if (interrupted && interrupted()) {
    throw Error(ErrorKind::interrupted, operation, "interrupted");
  }
  if (deadline.passed()) {
    throw Error(ErrorKind::failed, operation, cause,
                "wait for the other run to end; netstall restore mends what a dead one left");
  }
  ::poll(nullptr, 0, std::min(10, deadline.poll_timeout()));
}

// New labs pass the gate in turn, and who waits for the lock stays in it: a run
// that changes host sysctls is not kept out for ever by others that overlap.
MachineLock pass_gate(const fs::path& root, LockMode mode, const Deadline& deadline,
                      const std::function<bool()>& interrupted) {
  const MachineLock gate(root / "host_sysctl.gate", deadline, interrupted);
  return {root / "host_sysctl.lock", mode, deadline, interrupted};
}

bool changes_host_sysctls(const fs::path& journal) {
  const auto text = try_read_file(journal);
  if (!text) return false;
  const auto list = parse_undo_journal(*text);
  return list.boot_id == current_boot_id() &&
         std::any_of(list.pending.begin(), list.pending.end(), [](const auto& pending) {
           return std::holds_alternative<SysctlEntry>(pending.entry);
         });
}

// The name of another run that has yet to put a host sysctl back, or none. Its
// lock went with its controller; its guardian may still be at work.
std::string run_with_host_sysctls(const fs::path& root, const fs::path& own_journal) {
  std::error_code ignored;
  for (const auto& run : fs::directory_iterator(root, ignored)) {
    const auto journal = run.path() / "journal";
    if (journal != own_journal && changes_host_sysctls(journal)) return run.path().filename();
  }
  return {};
}

}  // namespace

MachineLock::MachineLock(const fs::path& path, LockMode mode, const Deadline& deadline,
                         const std::function<bool()>& interrupted) {
  const auto operation = fmt::format("lock {}", path.string());
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw_errno(operation, error.value(), "run as root");
  fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd_) throw_errno(operation, errno, "run as root");
  const int how = mode == LockMode::exclusive ? LOCK_EX : LOCK_SH;
  while (::flock(fd_.get(), how | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_errno(operation, errno);
    wait_a_step(operation, "another netstall run holds it", deadline, interrupted);
  }
}

HostSysctlTurn::HostSysctlTurn(const fs::path& root, const fs::path& own_journal, LockMode mode,
                               const Deadline& deadline, const TurnWaiting& waiting)
    : lock_(pass_gate(root, mode, deadline, waiting.interrupted)) {
  const std::string operation = "find the host's sysctls unchanged";
  for (;;) {
    const auto other = run_with_host_sysctls(root, own_journal);
    if (other.empty()) return;
    const auto cause = fmt::format("run {} has not put them back", other);
    if (!run_in_use(root / other)) {
      const auto restored = restore_leftovers(root);
      if (waiting.warn) {
        for (const auto& sentence : restored.sentences) waiting.warn(sentence);
      }
      if (!restored.all_undone) {
        throw Error(ErrorKind::failed, operation, cause,
                    "netstall restore says what is in its way");
      }
    }
    wait_a_step(operation, cause, deadline, waiting.interrupted);
  }
}

}  // namespace netstall
