// sysctl profiles: sysctl.d syntax (key = value, # and ; comments, a leading '-'
// for "ignore if it cannot be set").
#pragma once

#include <filesystem>
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
};

struct Profile {
  std::string name;
  std::vector<ProfileEntry> entries;
};

// Throws Error (usage) with file, line and what is allowed.
Profile parse_profile(std::string_view text, std::string_view name);
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
