// Where a cgroup that limits memory can be made: cgroup v1's memory.kmem.tcp, or the
// memory controller of cgroup v2. A machine has one of the two at most.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace netstall {

constexpr std::string_view kCgroupPrefix = "netstall-";

// The cgroup in which one of ours can be made, as a folder. Or why there is none, in a
// part of a sentence.
struct CgroupPlace {
  std::optional<std::filesystem::path> folder;
  std::string why_not;
};

// The calling process's own cgroup of v1's memory controller, from the texts of
// /proc/self/mountinfo and /proc/self/cgroup. Pure.
CgroupPlace find_tcp_memory_place(std::string_view mountinfo, std::string_view own_cgroups);
// On this machine; also checks that kmem.tcp is there.
CgroupPlace find_tcp_memory_place(const std::filesystem::path& proc = "/proc");

// For v2: the nearest of the calling process's own cgroup and those above it whose
// children can have the memory controller. Of those between, every limit holds for what
// is made there; the process's own cgroup is left out where it is not the machine's
// root, since v2 gives no controller to children of a cgroup that has processes.
CgroupPlace find_memory_place(const std::filesystem::path& proc = "/proc");

// Nothing when lab.tcp_memory_limit, or lab.memory_limit, can be set here; else sentences
// that say why not and how to see such a cell otherwise.
std::optional<std::string> why_no_tcp_memory_limit(const std::filesystem::path& proc = "/proc");
std::optional<std::string> why_no_memory_limit(const std::filesystem::path& proc = "/proc");

}  // namespace netstall
