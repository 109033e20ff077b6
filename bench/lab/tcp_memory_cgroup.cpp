#include "bench/lab/tcp_memory_cgroup.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/undo.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr const char* kLimitFile = "memory.kmem.tcp.limit_in_bytes";
constexpr const char* kOtherWays =
    "To see such a cell here all the same, lower net.ipv4.tcp_mem of the whole machine "
    "(sysctl.host, with --allow-host-sysctl), or run it in a guest whose kernel has cgroup v1 "
    "with kmem.tcp.";

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

struct Mount {
  std::string root;  // the part of the hierarchy that is mounted
  std::string point;
};

// "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG…] - TYPE SOURCE SUPER-OPTIONS"
std::vector<Mount> memory_mounts(std::string_view mountinfo) {
  std::vector<Mount> mounts;
  for (const auto line : split(mountinfo, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string_view::npos) continue;
    const auto fields = split(line.substr(0, dash), ' ');
    const auto type = split(line.substr(dash + 3), ' ');
    if (fields.size() < 6 || type.size() < 3) continue;
    if (type[0] == "cgroup" && lists(type[2], "memory")) {
      mounts.push_back({unescaped(fields[3]), unescaped(fields[4])});
    }
  }
  return mounts;
}

// "ID:CONTROLLERS:PATH"
std::optional<std::string> own_memory_path(std::string_view own_cgroups) {
  for (const auto line : split(own_cgroups, '\n')) {
    const auto first = line.find(':');
    const auto second = first == std::string_view::npos ? first : line.find(':', first + 1);
    if (second == std::string_view::npos) continue;
    if (lists(line.substr(first + 1, second - first - 1), "memory")) {
      return std::string(line.substr(second + 1));
    }
  }
  return std::nullopt;
}

MemoryCgroup not_here(std::string_view why) {
  return {std::nullopt, std::string(why)};
}

}  // namespace

MemoryCgroup find_memory_cgroup(std::string_view mountinfo, std::string_view own_cgroups) {
  const auto mounts = memory_mounts(mountinfo);
  if (mounts.empty()) return not_here("no cgroup v1 memory controller is mounted");
  const auto path = own_memory_path(own_cgroups);
  if (!path) return not_here("this process is in no cgroup v1 memory group");
  for (const auto& mount : mounts) {
    const auto inside = fs::path(*path).lexically_relative(mount.root);
    if (inside.empty() || *inside.begin() == "..") continue;
    return {(fs::path(mount.point) / inside).lexically_normal(), {}};
  }
  return not_here("this process's cgroup v1 memory group is outside what is mounted");
}

MemoryCgroup find_memory_cgroup(const fs::path& proc) {
  const auto mountinfo = try_read_file(proc / "self/mountinfo");
  const auto own_cgroups = try_read_file(proc / "self/cgroup");
  if (!mountinfo || !own_cgroups) return not_here("/proc tells nothing of cgroups");
  auto found = find_memory_cgroup(*mountinfo, *own_cgroups);
  std::error_code ignored;
  if (found.folder && !fs::exists(*found.folder / "memory.kmem.tcp.usage_in_bytes", ignored)) {
    return not_here("the kernel has a cgroup v1 memory controller, but without kmem.tcp");
  }
  if (found.folder && ::access(found.folder->c_str(), W_OK) != 0 && errno == EROFS) {
    return not_here(fmt::format("{} is mounted read-only", found.folder->string()));
  }
  return found;
}

std::optional<std::string> why_no_memory_limit(const fs::path& proc) {
  const auto found = find_memory_cgroup(proc);
  if (found.folder) return std::nullopt;
  return fmt::format("A TCP memory limit of one side needs cgroup v1's kmem.tcp, and {}. {}",
                     found.why_not, kOtherWays);
}

TcpMemoryCgroup::TcpMemoryCgroup(const fs::path& parent, std::string_view name, Bytes limit,
                                 UndoJournal& journal, const StepHook& hook)
    : path_(parent / name), ticket_(journal.will_make_cgroup(path_)) {
  journal_ = &journal;
  try {
    if (hook) hook("cgroup_announced");
    if (::mkdir(path_.c_str(), 0755) != 0) {
      throw_errno(fmt::format("make cgroup {}", path_.string()), errno);
    }
    if (hook) hook("cgroup_made");
    const auto operation =
        fmt::format("limit TCP memory of {} to {} bytes", path_.string(), limit.count);
    if (const int error = write_kernel_file(path_ / kLimitFile, fmt::format("{}", limit.count))) {
      throw_errno(operation, error);
    }
    const auto held = parse_bytes(trimmed(read_file(path_ / kLimitFile)));
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    if (!held || (*held).count != limit.count / page * page) {
      throw Error(ErrorKind::failed, operation, "the kernel made something else of it");
    }
    limit_ = *held;
    if (hook) hook("cgroup_limited");
  } catch (...) {
    // The destructor of an object that never was does not run.
    remove(Deadline(std::chrono::seconds(1)));
    throw;
  }
}

TcpMemoryCgroup::TcpMemoryCgroup(TcpMemoryCgroup&& other) noexcept
    : path_(std::move(other.path_)),
      limit_(other.limit_),
      journal_(std::exchange(other.journal_, nullptr)),
      ticket_(other.ticket_) {}

TcpMemoryCgroup& TcpMemoryCgroup::operator=(TcpMemoryCgroup&& other) noexcept {
  if (this != &other) {
    remove(Deadline(std::chrono::seconds(1)));
    path_ = std::move(other.path_);
    limit_ = other.limit_;
    journal_ = std::exchange(other.journal_, nullptr);
    ticket_ = other.ticket_;
  }
  return *this;
}

TcpMemoryCgroup::~TcpMemoryCgroup() {
  remove(Deadline(std::chrono::seconds(1)));
}

UndoResult TcpMemoryCgroup::remove(const Deadline& deadline) noexcept {
  if (journal_ == nullptr) return {};
  auto* journal = std::exchange(journal_, nullptr);
  auto result = remove_cgroup(path_, deadline);
  if (result.worth_another_try) return result;
  try {
    journal->undone(ticket_);
  } catch (const Error&) {
    // The guardian finds the cgroup gone.
  }
  return result;
}

}  // namespace netstall
