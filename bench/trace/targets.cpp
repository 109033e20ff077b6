#include "bench/trace/targets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string_view>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

[[noreturn]] void refuse(const std::string& what, const std::string& why, std::string mend) {
  throw Error(ErrorKind::usage, fmt::format("trace {}", what), why, std::move(mend));
}

// The value of "Key:\tvalue" in a status file.
std::string field(const std::string& status, std::string_view key) {
  const auto at = status.find(key);
  if (at == std::string::npos) return {};
  const auto begin = at + key.size();
  return std::string(
      trimmed(std::string_view(status).substr(begin, status.find('\n', begin) - begin)));
}

Fd open_process(std::uint32_t pid) {
  const auto what = fmt::format("process {}", pid);
  const auto status = try_read_file(fmt::format("/proc/{}/status", pid));
  if (pid == 0 || !status) refuse(what, "there is no such process", "ps -e lists them");
  const auto leader = field(*status, "\nTgid:");
  if (leader != std::to_string(pid)) {
    refuse(what, fmt::format("it is a thread of process {}", leader),
           fmt::format("--pid {} traces all of its threads", leader));
  }
  if (field(*status, "\nState:").starts_with("Z")) refuse(what, "it has ended", "");
  if (field(*status, "\nKthread:") == "1") {
    refuse(what, "it is a kernel thread, which sends nothing by system calls", "");
  }
  Fd fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!fd) refuse(what, errno_text(errno), "");
  return fd;
}

constexpr std::array<std::string_view, 14> kControllers{
    "memory", "cpu",     "cpuacct",    "cpuset",   "blkio",   "devices", "freezer",
    "pids",   "net_cls", "perf_event", "net_prio", "hugetlb", "rdma",    "misc"};

// The first controller of the version 1 hierarchy that this device is.
std::string controller_of(dev_t device) {
  const auto wanted = fmt::format("{}:{}", major(device), minor(device));
  std::istringstream mounts(read_file("/proc/self/mountinfo"));
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string word;
    words >> word >> word >> word;
    const auto dash = line.find(" - cgroup ");
    if (word != wanted || dash == std::string::npos) continue;
    std::istringstream options(line.substr(line.rfind(' ') + 1));
    for (std::string option; std::getline(options, option, ',');) {
      if (std::find(kControllers.begin(), kControllers.end(), option) != kControllers.end()) {
        return option;
      }
    }
  }
  return {};
}

TracedCgroup find_cgroup(const std::string& name) {
  const auto what = fmt::format("cgroup {}", name);
  std::optional<std::filesystem::path> folder;
  std::error_code none;
  for (const auto* root : {"", "/sys/fs/cgroup/", "/sys/fs/cgroup/unified/"}) {
    const std::filesystem::path path = root + name;
    if (std::filesystem::is_directory(path, none)) {
      folder = path;
      break;
    }
  }
  if (!folder) {
    refuse(what, "there is no such cgroup",
           "name its folder, such as /sys/fs/cgroup/system.slice, or what is behind the last colon "
           "in /proc/PID/cgroup");
  }
  struct statfs system {};
  struct stat entry {};
  if (::statfs(folder->c_str(), &system) != 0 || ::stat(folder->c_str(), &entry) != 0) {
    refuse(what, errno_text(errno), "");
  }
  TracedCgroup cgroup;
  cgroup.id = entry.st_ino;
  if (system.f_type == CGROUP2_SUPER_MAGIC) return cgroup;
  if (system.f_type != CGROUP_SUPER_MAGIC) {
    refuse(what, fmt::format("{} is a folder, and no cgroup", folder->string()), "");
  }
  cgroup.controller = controller_of(entry.st_dev);
  if (cgroup.controller.empty()) {
    refuse(what, "it is of a hierarchy without controllers",
           "name the same group of the memory controller");
  }
  return cgroup;
}

Fd open_netns(const std::string& name) {
  const auto what = fmt::format("network namespace {}", name);
  const bool is_path = name.find('/') != std::string::npos;
  Fd fd(::open((is_path ? name : "/run/netns/" + name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) {
    const int error = errno;
    const std::string mend = "ip netns lists names; a process's is /proc/PID/ns/net";
    refuse(what, error == ENOENT ? "there is none of that name" : errno_text(error), mend);
  }
  if (::ioctl(fd.get(), NS_GET_NSTYPE) != CLONE_NEWNET) {
    refuse(what, "it is something else", "ip netns lists names; a process's is /proc/PID/ns/net");
  }
  return fd;
}

std::uint32_t inode_of(const Fd& fd) {
  struct stat entry {};
  if (::fstat(fd.get(), &entry) != 0) throw_errno("look at a network namespace", errno);
  return static_cast<std::uint32_t>(entry.st_ino);
}

}  // namespace

Targets find_targets(const TargetNames& names) {
  Targets targets;
  for (const auto pid : names.pids) {
    targets.processes.push_back(open_process(pid));
    targets.filter.pids.push_back(pid);
  }
  for (const auto& comm : names.comms) {
    if (comm.empty()) refuse("a thread by its name", "the name is empty", "");
    // The kernel keeps no more of a name.
    constexpr std::size_t kLongest = 15;
    targets.filter.comms.push_back(comm.substr(0, kLongest));
  }
  for (const auto& name : names.cgroups) targets.filter.cgroups.push_back(find_cgroup(name));
  for (const auto& name : names.netns) {
    targets.namespaces.push_back(open_netns(name));
    targets.filter.netns_inodes.push_back(inode_of(targets.namespaces.back()));
  }
  for (const auto port : names.ports) {
    if (port == 0 || port > 65535) {
      refuse(fmt::format("port {}", port), "expected 1 to 65535", "");
    }
    targets.filter.ports.push_back(static_cast<std::uint16_t>(port));
  }
  return targets;
}

}  // namespace netstall
