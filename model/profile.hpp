// sysctl profiles: sysctl.d syntax (key = value, # and ; comments, a leading '-'
// for "ignore if it cannot be set"), or that of tuned, whose [sysctl] sections count
// and whose [main] may include others.
#pragma once

#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/scenario.hpp"

namespace netstall {

struct ProfileEntry {
  std::string key;  // dotted
  std::string value;
  bool optional = false;  // written as "-key = value"
  int line = 0;
  std::string file;
};

struct Profile {
  std::string name;
  std::vector<ProfileEntry> entries;  // of one key the last counts
  // Of a tuned profile alone: what its [main] includes, and the sections that say
  // nothing of sysctls.
  std::vector<std::string> includes;
  std::vector<std::string> other_sections;
};

// Which of some sysctl names have one value for the whole machine on this kernel.
using HostWide = std::function<std::set<std::string>(const std::vector<std::string>& names)>;

// A file's own text, which is tuned's where its first word is a [section]. Throws
// Error (usage) with file, line and what is allowed.
Profile parse_profile(std::string_view text, std::string_view name);
// With the entries of what it includes before its own. NAME is looked for beside the
// file: NAME, NAME.conf, NAME/tuned.conf and ../NAME/tuned.conf. Throws Error (usage),
// also for an inclusion that leads back.
Profile load_profile(const std::filesystem::path& path);

// net/ipv4/tcp_rmem and net.ipv4.tcp_rmem → net.ipv4.tcp_rmem (sysctl.d's rule:
// the first separator decides).
std::string dotted_sysctl(std::string_view key);

// A dotted name that stays within /proc/sys when its dots become slashes; and a
// value that one write can carry: printable, not empty, below a page.
bool is_sysctl_name(std::string_view name);
bool is_sysctl_value(std::string_view value);

// What the kernel writes back for a value: fields joined by one tab → one space.
std::string normal_sysctl_value(std::string_view value);

}  // namespace netstall
