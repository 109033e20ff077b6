#include "bench/lab/state_root.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/user_namespace.hpp"
#include "bench/lab/guardian.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr mode_t kOthersMayWrite = S_IWGRP | S_IWOTH;

// A folder, not a link to one, in which this user alone can change something.
bool is_own_folder(const fs::path& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  return fd && ::fstat(fd.get(), &status) == 0 && status.st_uid == ::geteuid() &&
         (status.st_mode & kOthersMayWrite) == 0;
}

}  // namespace

fs::path state_root() {
  if (::geteuid() == 0 && ::access("/run", W_OK) == 0) return kRunRoot;
  const char* runtime = std::getenv("XDG_RUNTIME_DIR");
  // It may be another user's, whose environment was kept by sudo or su.
  if (runtime != nullptr && fs::path(runtime).is_absolute() && is_own_folder(runtime)) {
    return fs::path(runtime) / "netstall";
  }
  return fmt::format("/tmp/netstall-{}", outer_user());
}

void make_state_root(const fs::path& root) {
  if (root == kRunRoot) {
    std::error_code error;
    fs::create_directories(root, error);
    if (error) throw_errno(fmt::format("make {}", root.string()), error.value());
    return;
  }
  if (::mkdir(root.c_str(), 0700) != 0 && errno != EEXIST) {
    throw_errno(fmt::format("make {}", root.string()), errno);
  }
  require_own_state_root(root);
}

void require_own_state_root(const fs::path& root) {
  std::error_code none;
  const bool there = fs::symlink_status(root, none).type() != fs::file_type::not_found;
  if (root == kRunRoot || !there || is_own_folder(root)) return;
  throw Error(ErrorKind::incapable, fmt::format("keep the journal in {}", root.string()),
              "it is not a folder of this user's alone",
              "set XDG_RUNTIME_DIR to a folder that only you can write");
}

}  // namespace netstall
