#include "bench/lab/cgroup_place.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <vector>

#include "base/file.hpp"
#include "bench/lab/memory_controller.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kOtherWays =
    "To see such a cell here all the same, lower net.ipv4.tcp_mem of the whole machine "
    "(sysctl.host, with --allow-host-sysctl), or of a guest's (netstall run --guest 6.12).";
constexpr const char* kNotTheSame =
    " cgroup v2 has no limit of TCP memory alone; lab.memory_limit sets its memory.max and "
    "memory.high, of all memory of the side's workers.";
constexpr const char* kInAGuest =
    "To see such a cell here all the same, run it in a guest, which has cgroup v2 "
    "(netstall run --guest 6.12).";

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return parts;
}

bool lists(std::string_view commas, std::string_view word) {
  for (const auto part : split(commas, ',')) {
    if (part == word) return true;
  }
  return false;
}

// mountinfo writes space, tab, newline and backslash as \ooo.
std::string unescaped(std::string_view field) {
  std::string text;
  for (std::size_t i = 0; i < field.size(); ++i) {
    unsigned code = 0;
    const char* first = field.data() + i + 1;
    if (field[i] == '\\' && i + 3 < field.size() &&
        std::from_chars(first, first + 3, code, 8).ptr == first + 3) {
      text.push_back(static_cast<char>(code));
      i += 3;
    } else {
      text.push_back(field[i]);
    }
  }
  return text;
}

enum class Version { v1, v2 };

struct Mount {
  std::string root;  // the part of the hierarchy that is mounted
  std::string point;
};

// "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER-OPTIONS"
std::vector<Mount> memory_mounts(std::string_view mountinfo, Version version) {
  std::vector<Mount> mounts;
  for (const auto line : split(mountinfo, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto fields = split(line.substr(0, dash), ' ');
    const auto type = split(line.substr(dash + 3), ' ');
    if (fields.size() < 6 || type.size() < 3) continue;
    const bool meant = version == Version::v2 ? type[0] == "cgroup2"
                                              : type[0] == "cgroup" && lists(type[2], "memory");
    if (meant) mounts.push_back({unescaped(fields[3]), unescaped(fields[4])});
  }
  return mounts;
}

// "ID:CONTROLLERS:PATH"; v2's has no controllers.
std::optional<std::string> own_path(std::string_view own_cgroups, Version version) {
  for (const auto line : split(own_cgroups, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    const auto controllers = line.substr(first + 1, second - first - 1);
    if (version == Version::v2 ? controllers.empty() : lists(controllers, "memory")) {
      return std::string(line.substr(second + 1));
    }
  }
  return std::nullopt;
}

CgroupPlace not_here(std::string why) {
  return {std::nullopt, std::move(why)};
}

// A process's own cgroup, below the mount that shows it.
struct OwnPlace {
  fs::path point;
  fs::path inside;  // "." for the point itself
};

std::optional<OwnPlace> shown(const std::vector<Mount>& mounts, const std::string& path) {
  for (const auto& mount : mounts) {
    const auto inside = fs::path(path).lexically_relative(mount.root);
    if (inside.empty() || *inside.begin() == "..") continue;
    return OwnPlace{mount.point, inside};
  }
  return std::nullopt;
}

std::optional<std::string> why_not_writable(const fs::path& folder) {
  if (::access(folder.c_str(), W_OK) == 0) return std::nullopt;
  if (errno == EROFS) return fmt::format("{} is mounted read-only", folder.string());
  if (errno == EACCES || errno == EPERM) {
    return fmt::format("only root may make one in {}", folder.string());
  }
  return std::nullopt;  // making one there will say it
}

struct Texts {
  std::string mountinfo;
  std::string own_cgroups;
};

std::optional<Texts> read_texts(const fs::path& proc) {
  auto mountinfo = try_read_file(proc / "self/mountinfo");
  auto own_cgroups = try_read_file(proc / "self/cgroup");
  if (!mountinfo || !own_cgroups) return std::nullopt;
  return Texts{std::move(*mountinfo), std::move(*own_cgroups)};
}

// Own first, up to what the mount shows as its root.
std::vector<fs::path> levels_of(const OwnPlace& own) {
  std::vector<fs::path> levels;
  for (auto inside = own.inside; !inside.empty() && inside != "."; inside = inside.parent_path()) {
    levels.push_back(own.point / inside);
  }
  levels.push_back(own.point);
  return levels;
}

CgroupPlace nearest_that_can(const std::vector<fs::path>& levels) {
  std::optional<std::string> why;
  for (const auto& level : levels) {
    why = why_no_memory_children(level);
    if (!why) why = why_not_writable(level);
    if (!why) return {level, {}};
  }
  return not_here(std::move(*why));  // of the uppermost: a controller comes from above
}

}  // namespace

CgroupPlace find_tcp_memory_place(std::string_view mountinfo, std::string_view own_cgroups) {
  const auto mounts = memory_mounts(mountinfo, Version::v1);
  if (mounts.empty()) return not_here("no cgroup v1 memory controller is mounted");
  const auto path = own_path(own_cgroups, Version::v1);
  if (!path) return not_here("this process is in no cgroup v1 memory group");
  const auto own = shown(mounts, *path);
  if (!own) return not_here("this process's cgroup v1 memory group is outside what is mounted");
  return {(own->point / own->inside).lexically_normal(), {}};
}

CgroupPlace find_tcp_memory_place(const fs::path& proc) {
  const auto texts = read_texts(proc);
  if (!texts) return not_here("/proc tells nothing of cgroups");
  auto found = find_tcp_memory_place(texts->mountinfo, texts->own_cgroups);
  if (!found.folder) return found;
  std::error_code ignored;
  if (!fs::exists(*found.folder / "memory.kmem.tcp.usage_in_bytes", ignored)) {
    return not_here("the kernel has a cgroup v1 memory controller, but without kmem.tcp");
  }
  if (auto why = why_not_writable(*found.folder)) return not_here(std::move(*why));
  return found;
}

CgroupPlace find_memory_place(const fs::path& proc) {
  const auto texts = read_texts(proc);
  if (!texts) return not_here("/proc tells nothing of cgroups");
  // A controller is in one hierarchy at a time.
  if (own_path(texts->own_cgroups, Version::v1)) {
    return not_here(
        "cgroup v1 has the memory controller here (by which lab.tcp_memory_limit limits TCP "
        "alone)");
  }
  const auto mounts = memory_mounts(texts->mountinfo, Version::v2);
  if (mounts.empty()) return not_here("no cgroup v2 hierarchy is mounted");
  const auto path = own_path(texts->own_cgroups, Version::v2);
  if (!path) return not_here("this process is in no group of cgroup v2");
  const auto own = shown(mounts, *path);
  if (!own) return not_here("this process's group of cgroup v2 is outside what is mounted");
  return nearest_that_can(levels_of(*own));
}

std::optional<std::string> why_no_tcp_memory_limit(const fs::path& proc) {
  const auto found = find_tcp_memory_place(proc);
  if (found.folder) return std::nullopt;
  const auto* other = find_memory_place(proc).folder ? kNotTheSame : "";
  return fmt::format("A TCP memory limit of one side needs cgroup v1's kmem.tcp, and {}.{} {}",
                     found.why_not, other, kOtherWays);
}

std::optional<std::string> why_no_memory_limit(const fs::path& proc) {
  const auto found = find_memory_place(proc);
  if (found.folder) return std::nullopt;
  return fmt::format("A memory limit of one side needs cgroup v2's memory controller, and {}. {}",
                     found.why_not, kInAGuest);
}

}  // namespace netstall
