#include "bench/lab/machine_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/run_folder.hpp"
#include "bench/lab/undo_journal.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

// Waits for what no descriptor tells.
class Steps {
 public:
  Steps(std::string operation, const Deadline& deadline, const Waiting& waiting)
      : operation_(std::move(operation)),
        deadline_(deadline),
        waiting_(waiting),
        quiet_(waiting.tell_after) {}

  // One step. Throws when it is enough.
  void wait(const std::string& cause) {
    if (waiting_.interrupted && waiting_.interrupted()) {
      throw Error(ErrorKind::interrupted, operation_, "interrupted");
    }
    if (deadline_.passed()) {
      throw Error(ErrorKind::failed, operation_, cause,
                  "wait for the other run to end; netstall restore mends what a dead one left");
    }
    if (!told_ && waiting_.warn && quiet_.passed()) {
      waiting_.warn(fmt::format("waiting to {}: {}", operation_, cause));
      told_ = true;
    }
    ::poll(nullptr, 0, std::min(10, deadline_.poll_timeout()));
  }

 private:
  std::string operation_;
  const Deadline& deadline_;
  const Waiting& waiting_;
  Deadline quiet_;
  bool told_ = false;
};

// New labs pass the gate in turn, and who waits for the lock stays in it: a run
// that changes host sysctls is not kept out for ever by others that overlap.
MachineLock pass_gate(const fs::path& root, LockMode mode, const Deadline& deadline,
                      const Waiting& waiting) {
  const MachineLock gate(root / "host_sysctl.gate", deadline, waiting);
  return {root / "host_sysctl.lock", mode, deadline, waiting};
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
                         const Waiting& waiting) {
  const auto operation = fmt::format("lock {}", path.string());
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) throw_errno(operation, error.value(), "run as root");
  fd_.reset(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (!fd_) throw_errno(operation, errno, "run as root");
  Steps steps(operation, deadline, waiting);
  const int how = mode == LockMode::exclusive ? LOCK_EX : LOCK_SH;
  while (::flock(fd_.get(), how | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) throw_errno(operation, errno);
    steps.wait("another netstall run holds it");
  }
}

HostSysctlTurn::HostSysctlTurn(const fs::path& root, const fs::path& own_journal, LockMode mode,
                               const Deadline& deadline, const Waiting& waiting)
    : lock_(pass_gate(root, mode, deadline, waiting)) {
  const std::string operation = "find the host's sysctls unchanged";
  Steps steps(operation, deadline, waiting);
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
    steps.wait(cause);
  }
}

}  // namespace netstall
