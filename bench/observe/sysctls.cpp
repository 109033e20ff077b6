#include "bench/observe/sysctls.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <system_error>

#include "base/file.hpp"
#include "model/profile.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

// Keys, not settings: they must not leave the machine in a report.
constexpr std::array<std::string_view, 2> kSecrets{"tcp_fastopen_key", "stable_secret"};

bool is_secret(const std::string& name) {
  return std::find(kSecrets.begin(), kSecrets.end(), name) != kSecrets.end();
}

// Files of a folder and below; what vanishes or is denied meanwhile is left out.
void read_folder(const fs::path& folder, const std::string& prefix, SysctlMap& values) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto file = entry->path().filename().string();
    if (is_secret(file)) continue;
    std::string name = file;
    std::replace(name.begin(), name.end(), '.', '/');
    name.insert(0, prefix + ".");
    std::error_code no_type;
    if (entry->is_directory(no_type)) {
      read_folder(entry->path(), name, values);
    } else if (const auto value = try_read_file(entry->path())) {
      values[name] = normal_sysctl_value(*value);
    }
  }
}

}  // namespace

SysctlMap read_sysctls(const Netns& netns) {
  // /proc/sys/net follows the thread, unlike /proc/net.
  const ScopedNetns inside(netns);
  return read_sysctls(fs::path("/"));
}

SysctlMap read_sysctls(const fs::path& root) {
  SysctlMap values;
  read_folder(root / "proc/sys/net", "net", values);
  return values;
}

}  // namespace netstall
