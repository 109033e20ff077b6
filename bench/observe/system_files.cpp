#include "bench/observe/system_files.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/file.hpp"

namespace netstall {

bool SystemFiles::exists(std::string_view relative) const {
  std::error_code ignored;
  return std::filesystem::exists(path(relative), ignored);
}

std::optional<std::string> SystemFiles::text(std::string_view relative) const {
  const auto content = try_read_file(path(relative));
  if (!content) return std::nullopt;
  return std::string(trimmed(*content));
}

std::optional<std::uint64_t> SystemFiles::number(std::string_view relative) const {
  const auto content = text(relative);
  return content ? whole_number(*content) : std::nullopt;
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::string_view> line_value(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key)) continue;
    const auto rest = line.substr(key.size());
    const auto value = rest.find_first_not_of(" \t:");
    // "Mem" is not the key of "MemTotal: 8 kB".
    if (value == 0) continue;
    return value == std::string_view::npos ? std::string_view{} : trimmed(rest.substr(value));
  }
  return std::nullopt;
}

std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view key) {
  auto value = line_value(meminfo, key);
  if (!value || !value->ends_with(" kB")) return std::nullopt;
  value->remove_suffix(3);
  const auto kibibytes = whole_number(*value);
  if (!kibibytes || *kibibytes > std::numeric_limits<std::uint64_t>::max() / 1024) {
    return std::nullopt;
  }
  return *kibibytes * 1024;
}

}  // namespace netstall
