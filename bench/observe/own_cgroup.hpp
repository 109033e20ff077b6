// The cgroups that this process is in, and what their limits leave: in a container
// or a service they bound a run before the machine does.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

#include "bench/observe/system_files.hpp"

namespace netstall {

// One controller's cgroup of this process, and those above it up to the mount
// point: a limit of any of them holds.
struct OwnCgroup {
  int version = 2;                            // 1 or 2
  std::vector<std::filesystem::path> levels;  // own first
};

// Nothing where the controller is not mounted, or the mount does not show this
// process's cgroup. With both versions mounted, the one that has the controller.
std::optional<OwnCgroup> own_cgroup(const SystemFiles& files, std::string_view controller);

// The smallest memory limit in bytes; nothing where there is none.
std::optional<std::uint64_t> cgroup_memory_limit(const OwnCgroup& memory);

// What the memory limits leave: the least over all levels of limit − usage, page
// cache that can be dropped not counted as used. Nothing where there is no limit.
std::optional<std::uint64_t> cgroup_memory_left(const OwnCgroup& memory);

// The smallest limit of tasks, and what the limits leave.
std::optional<std::uint64_t> cgroup_pids_limit(const OwnCgroup& pids);
std::optional<std::uint64_t> cgroup_pids_left(const OwnCgroup& pids);

// The smallest CPU quota, in CPUs (1.5: three halves); nothing where there is none.
std::optional<double> cgroup_cpu_quota(const OwnCgroup& cpu);

}  // namespace netstall
