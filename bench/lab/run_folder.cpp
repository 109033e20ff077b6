#include "bench/lab/run_folder.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRemedy = "run as root";

// Held while a folder is made and while orphans are looked for: a folder without
// its locked journal is then either not visible or nobody's.
Fd lock_root(const fs::path& root) {
  Fd fd(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw_errno(fmt::format("open {}", root.string()), errno, kRemedy);
  while (::flock(fd.get(), LOCK_EX) != 0) {
    if (errno != EINTR) throw_errno(fmt::format("lock {}", root.string()), errno);
  }
  return fd;
}

// Locks of the open file, not of the process, which can be asked after without
// taking them: F_RDLCK by those who look after a run, F_WRLCK by who adopts it.
struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

bool try_lock(const UndoJournal& journal, short type) {
  auto lock = whole_file(type);
  return ::fcntl(journal.fd(), F_OFD_SETLK, &lock) == 0;
}

bool still_named(const UndoJournal& journal) {
  struct stat status {};
  return ::fstat(journal.fd(), &status) == 0 && status.st_nlink > 0;
}

}  // namespace

RunFolder::RunFolder(fs::path path, UndoJournal journal)
    : path_(std::move(path)), journal_(std::move(journal)) {}

RunFolder RunFolder::make(const fs::path& root, const std::string& run_id) {
  std::error_code error;
  fs::create_directories(root, error);
  if (error) throw_errno(fmt::format("make {}", root.string()), error.value(), kRemedy);
  const Fd root_lock = lock_root(root);
  const auto path = root / run_id;
  if (::mkdir(path.c_str(), 0700) != 0) {
    throw_errno(fmt::format("make {}", path.string()), errno, kRemedy);
  }
  try {
    RunFolder folder(path, UndoJournal::create(path / kJournalName, current_boot_id()));
    if (!try_lock(folder.journal_, F_RDLCK)) throw_errno("lock the undo journal", errno);
    return folder;
  } catch (...) {
    ::unlink((path / kJournalName).c_str());
    ::rmdir(path.c_str());
    throw;
  }
}

RunFolder RunFolder::join(const fs::path& root, const std::string& run_id) {
  const auto path = root / run_id;
  const auto file = path / kJournalName;
  RunFolder folder(path, UndoJournal::open(file));
  if (!try_lock(folder.journal_, F_RDLCK) || !still_named(folder.journal_)) {
    throw Error(ErrorKind::failed, fmt::format("open {}", file.string()),
                "the guardian died, and the run is being restored");
  }
  return folder;
}

std::optional<RunFolder> RunFolder::adopt(const fs::path& folder) {
  const auto file = folder / kJournalName;
  try {
    auto journal = UndoJournal::open(file);
    if (!try_lock(journal, F_WRLCK) || !still_named(journal)) return std::nullopt;
    return RunFolder(folder, std::move(journal));
  } catch (const Error&) {
    std::error_code ignored;
    if (fs::exists(file, ignored)) throw;
    // Its maker died before the first line, or its owner before the last step.
    ::rmdir(folder.c_str());
    return std::nullopt;
  }
}

UndoOutcome RunFolder::undo(const Deadline& deadline, std::span<const Netns> namespaces) {
  const auto list = parse_undo_journal(read_file(journal_.path()));
  if (list.boot_id != current_boot_id()) return {};
  return undo_all(list, journal_, deadline, namespaces);
}

void RunFolder::remove() noexcept {
  ::unlink(journal_.path().c_str());
  ::rmdir(path_.c_str());
}

bool run_in_use(const fs::path& folder) {
  const Fd journal(::open((folder / kJournalName).c_str(), O_RDONLY | O_CLOEXEC));
  auto lock = whole_file(F_WRLCK);
  return journal && ::fcntl(journal.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

std::vector<RunFolder> adopt_orphaned_runs(const fs::path& root) {
  std::vector<RunFolder> orphans;
  std::error_code error;
  if (!fs::exists(root, error)) return orphans;
  const Fd root_lock = lock_root(root);
  for (auto entry = fs::directory_iterator(root, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    if (!entry->is_directory(error)) continue;
    if (auto orphan = RunFolder::adopt(entry->path())) orphans.push_back(std::move(*orphan));
  }
  if (error) throw_errno(fmt::format("read {}", root.string()), error.value());
  return orphans;
}

}  // namespace netstall
