#include "model/profile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <optional>
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

constexpr std::size_t kMostIncludes = 20;

// tuned lets a value be quoted.
std::string_view unquoted(std::string_view value) {
  value = trimmed(value);
  if (value.size() < 2 || (value.front() != '"' && value.front() != '\'')) return value;
  if (value.back() != value.front()) return value;
  return value.substr(1, value.size() - 2);
}

// The lines of a profile, one after the other.
class ProfileParser {
 public:
  ProfileParser(std::string_view file, Profile& profile) : file_(file), profile_(profile) {}

  void line(std::string_view text) {
    ++line_;
    text = trimmed(text);
    if (text.empty() || text.front() == '#' || text.front() == ';') return;
    if (text.front() == '[') return begin_section(text);
    said_anything_ = true;
    if (!section_ || *section_ == "sysctl") return entry(text);
    if (*section_ == "main") main_entry(text);
  }

 private:
  void begin_section(std::string_view text) {
    if (text.back() != ']') fail(text, "expected a section as [sysctl]");
    if (!section_ && said_anything_) {
      fail(text, "a section after lines that are in none: tuned's profiles begin with one");
    }
    section_ = trimmed(text.substr(1, text.size() - 2));
    if (*section_ != "main" && *section_ != "sysctl") profile_.other_sections.push_back(*section_);
  }

  void main_entry(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos || trimmed(text.substr(0, equals)) != "include") return;
    auto names = unquoted(text.substr(equals + 1));
    while (!names.empty()) {
      const auto end = std::min(names.find_first_of(",;"), names.size());
      const auto name = trimmed(names.substr(0, end));
      if (name.find("${") != std::string_view::npos) fail(name, kNoExpansion);
      if (!name.empty()) profile_.includes.emplace_back(name);
      names.remove_prefix(std::min(end + 1, names.size()));
    }
  }

  void entry(std::string_view text) {
    const auto equals = text.find('=');
    if (equals == std::string_view::npos) {
      fail(text, "expected \"name = value\", or a comment that begins with # or ;");
    }
    ProfileEntry entry;
    auto key = trimmed(text.substr(0, equals));
    entry.optional = key.starts_with('-');
    if (entry.optional) key.remove_prefix(1);
    entry.key = dotted_sysctl(key);
    const auto value = trimmed(text.substr(equals + 1));
    entry.value = normal_sysctl_value(section_ ? unquoted(value) : value);
    entry.line = line_;
    entry.file = file_;
    if (key.find_first_of("*?[") != std::string_view::npos) {
      fail(key, "patterns are not taken: name each sysctl");
    }
    if (!is_sysctl_name(entry.key)) fail(key, "expected a name as net.ipv4.tcp_rmem");
    if (!is_sysctl_value(entry.value)) {
      fail(entry.value, "expected a value of 1 to 4095 printable characters");
    }
    if (section_) refuse_tuned_only(entry.value);
    profile_.entries.push_back(std::move(entry));
  }

  void refuse_tuned_only(std::string_view value) const {
    if (value.find("${") != std::string_view::npos) fail(value, kNoExpansion);
    if (value.front() == '<' || value.front() == '>') {
      fail(value, "a value that depends on the present one is not taken: give the value");
    }
  }

  [[noreturn]] void fail(std::string_view found, std::string_view allowed) const {
    throw Error(ErrorKind::usage,
                fmt::format("read profile {}, line {}", escaped(file_, 200), line_),
                fmt::format("found {}: {}", shown_text(found), allowed));
  }

  static constexpr std::string_view kNoExpansion =
      "tuned's variables and functions are not expanded: write what they stand for";

  std::string_view file_;
  Profile& profile_;
  std::optional<std::string> section_;  // tuned's
  bool said_anything_ = false;
  int line_ = 0;
};

// Reads files with what they include.
class ProfileLoader {
 public:
  void load(const std::filesystem::path& path, Profile& whole) {
    const auto canonical = std::filesystem::weakly_canonical(path);
    if (std::find(open_.begin(), open_.end(), canonical) != open_.end()) {
      throw Error(ErrorKind::usage, fmt::format("read profile {}", escaped(path.string(), 200)),
                  "it is included by what it includes");
    }
    if (++files_ > kMostIncludes) {
      throw Error(ErrorKind::usage, fmt::format("read profile {}", escaped(path.string(), 200)),
                  fmt::format("more than {} files are included", kMostIncludes));
    }
    auto own = parse_profile(text_of(path), path.string());
    open_.push_back(canonical);
    for (const auto& name : own.includes) load(included(path, name), whole);
    open_.pop_back();
    const auto append = [](auto& to, auto& from) {
      to.insert(to.end(), std::make_move_iterator(from.begin()),
                std::make_move_iterator(from.end()));
    };
    append(whole.entries, own.entries);
    append(whole.includes, own.includes);
    append(whole.other_sections, own.other_sections);
  }

 private:
  static std::string text_of(const std::filesystem::path& path) {
    try {
      return read_file(path, kMaxProfileBytes);
    } catch (const Error& error) {
      throw Error(ErrorKind::usage, "read a profile", error.what());
    }
  }

  static std::filesystem::path included(const std::filesystem::path& from,
                                        const std::string& name) {
    const auto folder = from.parent_path();
    const std::array candidates{folder / name, folder / (name + ".conf"),
                                folder / name / "tuned.conf", folder / ".." / name / "tuned.conf"};
    for (const auto& candidate : candidates) {
      std::error_code ignored;
      if (std::filesystem::is_regular_file(candidate, ignored)) return candidate;
    }
    throw Error(ErrorKind::usage, fmt::format("read profile {}", escaped(from.string(), 200)),
                fmt::format("it includes {}, which is none of {}, {}, {} and {}", shown_text(name),
                            candidates[0].string(), candidates[1].string(), candidates[2].string(),
                            candidates[3].string()));
  }

  std::vector<std::filesystem::path> open_;  // those that are being read
  std::size_t files_ = 0;
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
  Profile profile;
  profile.name = name;
  ProfileParser parser(name, profile);
  while (!text.empty()) {
    const auto end = text.find('\n');
    parser.line(text.substr(0, end));
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  return profile;
}

Profile load_profile(const std::filesystem::path& path) {
  Profile whole;
  whole.name = path.string();
  ProfileLoader().load(path, whole);
  return whole;
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
