#include "bench/lab/nearest_sysctl.hpp"

#include <algorithm>
#include <system_error>
#include <vector>

#include "base/nearest.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

std::string_view last_word(std::string_view key) {
  const auto dot = key.rfind('.');
  return dot == std::string_view::npos ? key : key.substr(dot + 1);
}

// Dots within a name (an interface's) become slashes, as sysctl(8) writes them.
std::string dotted(const fs::path& relative) {
  std::string key;
  for (const auto& part : relative) {
    std::string word = part.string();
    std::replace(word.begin(), word.end(), '.', '/');
    key += (key.empty() ? "" : ".") + word;
  }
  return key;
}

std::vector<std::string> all_keys(const fs::path& tree) {
  std::vector<std::string> keys;
  std::error_code error;
  const auto options = fs::directory_options::skip_permission_denied;
  for (auto entry = fs::recursive_directory_iterator(tree, options, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    std::error_code ignored;
    if (entry->is_regular_file(ignored)) {
      keys.push_back(dotted(entry->path().lexically_relative(tree)));
    }
  }
  std::sort(keys.begin(), keys.end());
  return keys;
}

}  // namespace

std::string nearest_sysctl(const fs::path& tree, std::string_view key) {
  const auto keys = all_keys(tree);
  for (const auto& known : keys) {
    if (last_word(known) == last_word(key)) return known;
  }
  const std::vector<std::string_view> views(keys.begin(), keys.end());
  return nearest_word(key, views);
}

}  // namespace netstall
