#include "bench/lab/sysctl_scope.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "model/profile.hpp"

namespace netstall {
namespace {

enum class Seen : char { absent = 'a', fixed = 'f', writable = 'w' };

// One line for each file: what it is, and its value on one line.
struct Sight {
  Seen seen = Seen::absent;
  std::optional<std::string> value;
};

Sight look(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  Sight sight{(status.st_mode & S_IWUSR) != 0 ? Seen::writable : Seen::fixed, {}};
  if (const auto text = try_read_file(file)) sight.value = normal_sysctl_value(*text);
  return sight;
}

std::string line_of(const Sight& sight) {
  return std::string(1, static_cast<char>(sight.seen)) + (sight.value ? "=" + *sight.value : "") +
         "\n";
}

Sight sight_of(std::string_view line) {
  if (line.empty()) return {};
  Sight sight{static_cast<Seen>(line.front()), {}};
  if (line.size() > 1) sight.value = line.substr(2);
  return sight;
}

bool enter_new_namespace() {
  if (::unshare(CLONE_NEWNET) == 0) return true;
  return ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

std::string read_to_end(const Fd& fd) {
  std::string text;
  std::array<char, 4096> chunk{};
  for (;;) {
    const auto got = ::read(fd.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

// The same files as they are in a new namespace, which a child enters: /proc/sys/net
// follows who reads it. Nothing where there can be none.
std::optional<std::vector<Sight>> look_from_new_namespace(
    const std::vector<std::filesystem::path>& files) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw_errno("look at sysctls", errno);
  const Fd output(ends[0]);
  Fd input(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) throw_errno("look at sysctls", errno);
  if (child == 0) {
    if (!enter_new_namespace()) ::_exit(1);
    std::string text;
    for (const auto& file : files) text += line_of(look(file));
    ::_exit(write_all(input.get(), text) == 0 ? 0 : 1);
  }
  input.reset();
  const auto text = read_to_end(output);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (status != 0) return std::nullopt;
  std::vector<Sight> sights;
  for (std::string_view left = text; sights.size() < files.size();) {
    const auto end = std::min(left.find('\n'), left.size());
    sights.push_back(sight_of(left.substr(0, end)));
    left.remove_prefix(std::min(end + 1, left.size()));
  }
  return sights;
}

bool is_net(const std::string& key) {
  return dotted_sysctl(key).starts_with("net.");
}

SysctlSight judged(const std::string& key, const Sight& here, const Sight& inside) {
  if (is_net(key) && inside.seen == Seen::writable) return {SysctlScope::side, inside.value};
  if (here.seen == Seen::writable) return {SysctlScope::host, here.value};
  if (here.seen == Seen::fixed) return {SysctlScope::read_only, here.value};
  return {};
}

}  // namespace

std::string to_text(SysctlScope scope) {
  switch (scope) {
    case SysctlScope::side:
      return "per namespace";
    case SysctlScope::host:
      return "the whole machine";
    case SysctlScope::read_only:
      return "read-only";
    case SysctlScope::absent:
      return "not on this kernel";
  }
  return {};
}

std::optional<std::map<std::string, SysctlSight>> look_at_sysctls(
    const std::vector<std::string>& keys, const SysctlTree& tree) {
  std::vector<std::filesystem::path> files;
  for (const auto& key : keys) files.push_back(tree.file_of(key));
  const auto inside = look_from_new_namespace(files);
  if (!inside) return std::nullopt;
  std::map<std::string, SysctlSight> sights;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    sights.insert_or_assign(keys[i], judged(keys[i], look(files[i]), (*inside)[i]));
  }
  return sights;
}

std::set<std::string> host_wide_sysctls(const std::vector<std::string>& keys) {
  std::set<std::string> found;
  const auto sights = look_at_sysctls(keys);
  if (!sights) return found;
  for (const auto& [key, sight] : *sights) {
    if (sight.scope == SysctlScope::host) found.insert(key);
  }
  return found;
}

}  // namespace netstall
