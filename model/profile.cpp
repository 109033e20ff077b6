#include "model/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/faults.hpp"

namespace netstall {
namespace {

constexpr std::size_t kMaxProfileBytes = std::size_t{1} << 20;
// The kernel takes no more than a page for a value.
constexpr std::size_t kMaxValueBytes = 4095;

bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("_-/:@+").find(c) != std::string_view::npos;
}

// One line of a profile, or none where the line says nothing.
class ProfileParser {
 public:
  explicit ProfileParser(std::string_view file) : file_(file) {}

  void line(std::string_view text, Profile& profile) {
    ++line_;
    text = trimmed(text);
    if (text.empty() || text.front() == '#' || text.front() == ';') return;
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
      fail(text, "expected \"name = value\", or a comment that begins with # or ;");
    }
    ProfileEntry entry;
    auto key = trimmed(text.substr(0, equals));
    entry.optional = key.starts_with('-');
    if (entry.optional) key.remove_prefix(1);
    entry.key = dotted_sysctl(key);
    entry.value = normal_sysctl_value(text.substr(equals + 1));
    entry.line = line_;
    if (key.find_first_of("*?[") != std::string_view::npos) {
      fail(key, "patterns are not taken: name each sysctl");
    }
    if (!is_sysctl_name(entry.key)) fail(key, "expected a name as net.ipv4.tcp_rmem");
    if (!is_sysctl_value(entry.value)) {
      fail(entry.value, "expected a value of 1 to 4095 printable characters");
    }
    profile.entries.push_back(std::move(entry));
  }

 private:
  [[noreturn]] void fail(std::string_view found, std::string_view allowed) const {
    throw Error(ErrorKind::usage,
                fmt::format("read profile {}, line {}", escaped(file_, 200), line_),
                fmt::format("found {}: {}", shown_text(found), allowed));
  }

  std::string_view file_;
  int line_ = 0;
};

}  // namespace

bool is_sysctl_name(std::string_view name) {
  if (name.size() > 256 || name.find('.') == std::string_view::npos) return false;
  while (true) {
    const auto part = name.substr(0, name.find('.'));
    // A "/" stands for a dot within one file name, so a part of nothing but
    // these would be "." or "..": a way out of /proc/sys.
    if (part.find_first_not_of('/') == std::string_view::npos) return false;
    if (!std::all_of(part.begin(), part.end(), is_name_character)) return false;
    if (part.size() == name.size()) return true;
    name.remove_prefix(part.size() + 1);
  }
}

bool is_sysctl_value(std::string_view value) {
  return !value.empty() && value.size() <= kMaxValueBytes &&
         std::none_of(value.begin(), value.end(),
                      [](char c) { return c == 0x7f || (c >= 0 && c < ' '); });
}

Profile parse_profile(std::string_view text, std::string_view name) {
  Profile profile{std::string(name), {}};
  ProfileParser parser(name);
  while (!text.empty()) {
    const auto end = text.find('\n');
    parser.line(text.substr(0, end), profile);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return profile;
}

Profile load_profile(const std::filesystem::path& path) {
  std::string text;
  try {
    text = read_file(path, kMaxProfileBytes);
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, "read a profile", error.what());
  }
  return parse_profile(text, path.string());
}

std::string dotted_sysctl(std::string_view key) {
  std::string dotted(key);
  const auto first = dotted.find_first_of("./");
  if (first == std::string::npos || dotted[first] == '.') return dotted;
  for (auto& c : dotted) {
    if (c == '/') {
      c = '.';
    } else if (c == '.') {
      c = '/';
    }
  }
  return dotted;
}

std::string normal_sysctl_value(std::string_view value) {
  std::string normal;
  for (const char c : trimmed(value)) {
    if (!is_space(c)) {
      normal += c;
    } else if (normal.back() != ' ') {
      normal += ' ';
    }
  }
  return normal;
}

}  // namespace netstall
