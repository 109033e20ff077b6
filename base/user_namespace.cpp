#include "base/user_namespace.hpp"

#include <fmt/format.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <sstream>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

constexpr uid_t kAnyUser = 65534;
constexpr std::uint64_t kAllUsers = 4294967295;

// A row of /proc/self/uid_map: users from `inside` on are those from `outside` on.
struct UserRange {
  std::uint64_t inside = 0;
  std::uint64_t outside = 0;
  std::uint64_t count = 0;
};

std::vector<UserRange> user_ranges() {
  std::vector<UserRange> ranges;
  std::istringstream rows(try_read_file("/proc/self/uid_map").value_or(""));
  for (UserRange range; rows >> range.inside >> range.outside >> range.count;) {
    ranges.push_back(range);
  }
  return ranges;
}

// Returns 0 or an errno. A thread that was just joined may be counted for a moment more,
// and the kernel takes a process of one thread alone.
int unshare_user_and_network() {
  constexpr int kTries = 100;
  for (int i = 0; i < kTries; ++i) {
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0) return 0;
    if (errno != EINVAL) return errno;
    ::poll(nullptr, 0, 1);
  }
  return EINVAL;
}

// Returns 0 or an errno.
int become_root_inside(uid_t user, gid_t group) {
  // Without it a user could leave a group that denies; the kernel wants it before gid_map.
  if (const int error = write_kernel_file("/proc/self/setgroups", "deny")) return error;
  const auto only = [](unsigned id) { return fmt::format("0 {} 1", id); };
  if (const int error = write_kernel_file("/proc/self/uid_map", only(user))) return error;
  return write_kernel_file("/proc/self/gid_map", only(group));
}

int try_as_nobody() {
  const auto user = ::geteuid() == 0 ? kAnyUser : ::geteuid();
  const auto group = ::geteuid() == 0 ? kAnyUser : ::getegid();
  if (::geteuid() == 0) {
    // By the system calls: the C library would do it for all threads.
    if (::syscall(SYS_setresgid, group, group, group) != 0) return errno;
    if (::syscall(SYS_setresuid, user, user, user) != 0) return errno;
    ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);  // else its own /proc/self is root's
  }
  if (const int error = unshare_user_and_network()) return error;
  return become_root_inside(user, group);
}

bool is_zero(const std::filesystem::path& file) {
  const auto text = try_read_file(file);
  return text && trimmed(*text) == "0";
}

bool is_one(const std::filesystem::path& file) {
  const auto text = try_read_file(file);
  return text && trimmed(*text) == "1";
}

}  // namespace

bool in_first_user_namespace() {
  const auto ranges = user_ranges();
  return ranges.size() == 1 && ranges[0].inside == 0 && ranges[0].outside == 0 &&
         ranges[0].count == kAllUsers;
}

uid_t outer_user() {
  const std::uint64_t user = ::geteuid();
  for (const auto& range : user_ranges()) {
    if (user >= range.inside && user - range.inside < range.count) {
      return static_cast<uid_t>(range.outside + (user - range.inside));
    }
  }
  return static_cast<uid_t>(user);
}

bool maps_user(uid_t user) {
  for (const auto& range : user_ranges()) {
    if (user >= range.inside && user - range.inside < range.count) return true;
  }
  return false;
}

bool may_make_namespaces() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> held{};
  if (::geteuid() != 0 || ::syscall(SYS_capget, &header, held.data()) != 0) return false;
  constexpr std::uint32_t kWanted = 1U << CAP_SYS_ADMIN | 1U << CAP_NET_ADMIN;
  return (held[0].effective & kWanted) == kWanted;
}

void enter_user_namespace() {
  const auto user = ::geteuid();
  const auto group = ::getegid();
  int error = unshare_user_and_network();
  if (error == 0) error = become_root_inside(user, group);
  if (error == 0) return;
  auto refusal = user_namespace_refusal(error);
  throw Error(ErrorKind::incapable, "make a lab without root, in a user namespace", refusal.why,
              std::move(refusal.mend));
}

std::optional<UserNamespaceRefusal> try_user_namespace() {
  const pid_t child = ::fork();
  if (child < 0) return user_namespace_refusal(errno);
  if (child == 0) ::_exit(try_as_nobody());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  const int error = WIFEXITED(status) ? WEXITSTATUS(status) : EPERM;
  if (error == 0) return std::nullopt;
  return user_namespace_refusal(error);
}

UserNamespaceRefusal user_namespace_refusal(int error_number, const std::filesystem::path& sys) {
  for (const char* limit : {"max_user_namespaces", "max_net_namespaces"}) {
    if (!is_zero(sys / "user" / limit)) continue;
    return {
        fmt::format("this machine allows no such namespaces (user.{} is 0)", limit),
        fmt::format("run as root: sudo netstall; or allow them: sysctl -w user.{}=1024", limit)};
  }
  if (is_zero(sys / "kernel/unprivileged_userns_clone")) {
    return {
        "the kernel lets root alone make user namespaces (kernel.unprivileged_userns_clone is 0)",
        "run as root: sudo netstall; or allow them: sysctl -w kernel.unprivileged_userns_clone=1"};
  }
  const bool denied = error_number == EPERM || error_number == EACCES;
  if (denied && is_one(sys / "kernel/apparmor_restrict_unprivileged_userns")) {
    return {
        "AppArmor lets programs without a profile have no rights in a user namespace "
        "(kernel.apparmor_restrict_unprivileged_userns is 1)",
        "run as root: sudo netstall; or allow it: sysctl -w "
        "kernel.apparmor_restrict_unprivileged_userns=0"};
  }
  if (error_number == ENOSPC || error_number == EUSERS) {
    return {
        "this user has as many namespaces as it may (user.max_user_namespaces, "
        "user.max_net_namespaces)",
        "end what holds them, or run as root: sudo netstall"};
  }
  if (error_number == EINVAL) {
    return {"the kernel has no user namespaces (CONFIG_USER_NS)", "run as root: sudo netstall"};
  }
  return {fmt::format("user namespaces are refused ({}): in a container they may be switched off",
                      errno_text(error_number)),
          "run as root: sudo netstall, outside containers that forbid namespaces"};
}

}  // namespace netstall
