#include "bench/lab/memory_controller.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include <cerrno>
#include <sstream>
#include <system_error>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "bench/lab/cgroup_place.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kControl = "cgroup.subtree_control";
constexpr const char* kMark = "user.netstall.memory";
constexpr auto kLockPatience = std::chrono::seconds(10);

bool lists_memory(const std::optional<std::string>& words) {
  std::istringstream text(words.value_or(""));
  for (std::string word; text >> word;) {
    if (word == "memory") return true;
  }
  return false;
}

bool is_v2(const fs::path& cgroup) {
  struct statfs system {};
  return ::statfs(cgroup.c_str(), &system) == 0 && system.f_type == CGROUP2_SUPER_MAGIC;
}

bool gives_memory(const fs::path& cgroup) {
  return lists_memory(try_read_file(cgroup / kControl));
}

bool marked(const fs::path& cgroup) {
  return ::getxattr(cgroup.c_str(), kMark, nullptr, 0) >= 0;
}

// Nothing when the lock is still another's at the deadline; errno says it.
std::optional<Fd> lock(const fs::path& cgroup, const Deadline& deadline) {
  Fd folder(::open(cgroup.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return std::nullopt;
  while (::flock(folder.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK || deadline.passed()) return std::nullopt;
    ::poll(nullptr, 0, 1);
  }
  return folder;
}

bool has_child_of_ours(const fs::path& cgroup) {
  std::error_code error;
  for (auto entry = fs::directory_iterator(cgroup, error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    const auto name = entry->path().filename().string();
    if (name.starts_with(kCgroupPrefix) && entry->is_directory(ignored)) return true;
  }
  return false;
}

void switch_on(const fs::path& cgroup) {
  const auto operation =
      fmt::format("give the memory controller to children of {}", cgroup.string());
  // The mark first: a controller that is on without it would stay on.
  if (::setxattr(cgroup.c_str(), kMark, "1", 1, 0) != 0) throw_errno(operation, errno);
  if (const int error = write_kernel_file(cgroup / kControl, "+memory")) {
    throw_errno(operation, error);
  }
}

}  // namespace

std::optional<std::string> why_no_memory_children(const fs::path& cgroup) {
  if (!lists_memory(try_read_file(cgroup / "cgroup.controllers"))) {
    return fmt::format("{} has no memory controller", cgroup.string());
  }
  if (gives_memory(cgroup)) return std::nullopt;
  const auto type = try_read_file(cgroup / "cgroup.type");
  if (!type) return std::nullopt;  // the machine's root, which may have processes
  if (trimmed(*type) != "domain") {
    return fmt::format("{} is threaded, and memory is not divided among threads", cgroup.string());
  }
  const auto processes = try_read_file(cgroup / "cgroup.procs");
  if (!processes || !trimmed(*processes).empty()) {
    return fmt::format(
        "{} has processes of its own, beside which children cannot have it (start netstall in a "
        "cgroup of its own: systemd-run --scope netstall ...)",
        cgroup.string());
  }
  return std::nullopt;
}

void make_memory_cgroup(const fs::path& child) {
  const auto parent = child.parent_path();
  const auto operation = fmt::format("make cgroup {}", child.string());
  std::optional<Fd> turn;
  if (is_v2(parent)) {
    turn = lock(parent, Deadline(kLockPatience));
    if (!turn) throw_errno(fmt::format("lock cgroup {}", parent.string()), errno);
    if (!gives_memory(parent)) switch_on(parent);
  }
  if (::mkdir(child.c_str(), 0755) != 0) throw_errno(operation, errno);
}

UndoResult give_back_memory_controller(const fs::path& parent, const Deadline& deadline) {
  if (!marked(parent)) return {};
  const auto sentence = [&parent](const std::string& why) {
    return fmt::format("children of cgroup {} still have the memory controller: {}",
                       parent.string(), why);
  };
  const auto turn = lock(parent, deadline);
  if (!turn) return {sentence(errno_text(errno)), true};
  if (has_child_of_ours(parent)) return {};  // whoever removes that one does it
  const int error = write_kernel_file(parent / kControl, "-memory");
  // Busy: a child gives it to children of its own, and somebody else relies on it now.
  if (error != 0 && error != EBUSY) return {sentence(errno_text(error)), true};
  ::removexattr(parent.c_str(), kMark);
  if (error == EBUSY) return {sentence("one of them uses it by now"), false};
  return {};
}

}  // namespace netstall
