#include "bench/observe/own_cgroup.hpp"

#include <algorithm>
#include <sstream>
#include <string>

namespace netstall {
namespace {

struct Mount {
  std::string root;   // of the hierarchy, that the mount shows
  std::string point;  // absolute
};

bool has_word(std::string_view list, std::string_view word, char separator) {
  while (!list.empty()) {
    const auto item = list.substr(0, list.find(separator));
    if (item == word) return true;
    list.remove_prefix(std::min(item.size() + 1, list.size()));
  }
  return false;
}

// A line of mountinfo: "36 35 98:0 /root /point options [tags…] - type source options".
std::optional<Mount> find_mount(const std::string& mountinfo, int version,
                                std::string_view controller) {
  std::istringstream lines(mountinfo);
  std::string line;
  while (std::getline(lines, line)) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream head(line.substr(0, dash));
    std::istringstream tail(line.substr(dash + 3));
    std::string id, parent, device, type, source, options;
    Mount mount;
    head >> id >> parent >> device >> mount.root >> mount.point;
    tail >> type >> source >> options;
    if (version == 2 && type == "cgroup2") return mount;
    if (version == 1 && type == "cgroup" && has_word(options, controller, ',')) return mount;
  }
  return std::nullopt;
}

// This process's path in the hierarchy, from "4:memory:/path" or "0::/path".
std::optional<std::string> find_path(const std::string& cgroups, int version,
                                     std::string_view controller) {
  std::istringstream lines(cgroups);
  std::string line;
  while (std::getline(lines, line)) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const auto controllers = std::string_view(line).substr(first + 1, second - first - 1);
    const bool matches = version == 2 ? line.starts_with("0:") && controllers.empty()
                                      : has_word(controllers, controller, ',');
    if (matches) return line.substr(second + 1);
  }
  return std::nullopt;
}

// The part of `path` below what the mount shows; "" for the mount point itself.
std::optional<std::string> below(const std::string& path, const std::string& root) {
  if (path == root) return std::string();
  const auto prefix = root == "/" ? root : root + "/";
  if (!path.starts_with(prefix)) return std::nullopt;
  return path.substr(prefix.size());
}

std::optional<OwnCgroup> find_cgroup(const SystemFiles& files, int version,
                                     std::string_view controller) {
  const auto mountinfo = files.text("proc/self/mountinfo");
  const auto cgroups = files.text("proc/self/cgroup");
  if (!mountinfo || !cgroups) return std::nullopt;
  const auto mount = find_mount(*mountinfo, version, controller);
  const auto path = find_path(*cgroups, version, controller);
  if (!mount || !path) return std::nullopt;
  const auto relative = below(*path, mount->root);
  if (!relative) return std::nullopt;
  const auto point = files.path(std::string_view(mount->point).substr(1));
  OwnCgroup cgroup{version, {}};
  for (std::filesystem::path level(*relative); !level.empty(); level = level.parent_path()) {
    cgroup.levels.push_back(point / level);
  }
  cgroup.levels.push_back(point);
  return cgroup;
}

// A limit that is none: absent, "max", or what v1 writes for it (2^63 less a page).
std::optional<std::uint64_t> limit_of(const std::filesystem::path& level, const char* file) {
  const auto value = SystemFiles(level).number(file);
  return value && *value < (std::uint64_t{1} << 62) ? value : std::nullopt;
}

template <class T>
void keep_smaller(std::optional<T>& smallest, const std::optional<T>& value) {
  if (value && (!smallest || *value < *smallest)) smallest = value;
}

std::optional<std::uint64_t> smallest_limit(const OwnCgroup& cgroup, const char* file) {
  std::optional<std::uint64_t> smallest;
  for (const auto& level : cgroup.levels) keep_smaller(smallest, limit_of(level, file));
  return smallest;
}

std::uint64_t memory_used(const std::filesystem::path& level, int version) {
  const SystemFiles files(level);
  const auto usage = files.number(version == 1 ? "memory.usage_in_bytes" : "memory.current");
  const auto stat = files.text("memory.stat").value_or("");
  const auto cache = line_value(stat, version == 1 ? "total_inactive_file" : "inactive_file");
  const auto droppable = cache ? whole_number(*cache).value_or(0) : 0;
  return usage.value_or(0) - std::min(usage.value_or(0), droppable);
}

const char* memory_limit_file(const OwnCgroup& memory) {
  return memory.version == 1 ? "memory.limit_in_bytes" : "memory.max";
}

std::uint64_t left_of(std::uint64_t limit, std::uint64_t used) {
  return limit - std::min(limit, used);
}

// In CPUs; v2 writes "QUOTA PERIOD", v1 two files, and both a word or −1 for none.
std::optional<double> quota_of(const std::filesystem::path& level, int version) {
  const SystemFiles files(level);
  std::optional<std::uint64_t> quota;
  std::optional<std::uint64_t> period;
  if (version == 1) {
    quota = files.number("cpu.cfs_quota_us");
    period = files.number("cpu.cfs_period_us");
  } else {
    const auto both = files.text("cpu.max").value_or("");
    const auto space = both.find(' ');
    if (space == std::string::npos) return std::nullopt;
    quota = whole_number(std::string_view(both).substr(0, space));
    period = whole_number(std::string_view(both).substr(space + 1));
  }
  if (!quota || !period || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace

std::optional<OwnCgroup> own_cgroup(const SystemFiles& files, std::string_view controller) {
  if (auto v1 = find_cgroup(files, 1, controller)) return v1;
  auto v2 = find_cgroup(files, 2, controller);
  if (!v2) return std::nullopt;
  // The mount point's own list: what the whole hierarchy may use.
  const auto controllers = SystemFiles(v2->levels.back()).text("cgroup.controllers");
  if (!controllers || !has_word(*controllers, controller, ' ')) return std::nullopt;
  return v2;
}

std::optional<std::uint64_t> cgroup_memory_limit(const OwnCgroup& memory) {
  return smallest_limit(memory, memory_limit_file(memory));
}

std::optional<std::uint64_t> cgroup_memory_left(const OwnCgroup& memory) {
  std::optional<std::uint64_t> least;
  for (const auto& level : memory.levels) {
    const auto limit = limit_of(level, memory_limit_file(memory));
    if (limit)
      keep_smaller(least, std::optional(left_of(*limit, memory_used(level, memory.version))));
  }
  return least;
}

std::optional<std::uint64_t> cgroup_pids_limit(const OwnCgroup& pids) {
  return smallest_limit(pids, "pids.max");
}

std::optional<std::uint64_t> cgroup_pids_left(const OwnCgroup& pids) {
  std::optional<std::uint64_t> least;
  for (const auto& level : pids.levels) {
    const auto limit = limit_of(level, "pids.max");
    const auto used = SystemFiles(level).number("pids.current").value_or(0);
    if (limit) keep_smaller(least, std::optional(left_of(*limit, used)));
  }
  return least;
}

std::optional<double> cgroup_cpu_quota(const OwnCgroup& cpu) {
  std::optional<double> smallest;
  for (const auto& level : cpu.levels) keep_smaller(smallest, quota_of(level, cpu.version));
  return smallest;
}

}  // namespace netstall
