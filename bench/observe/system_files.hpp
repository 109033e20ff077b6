// Short facts below /proc and /sys, under an injectable root.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace netstall {

// Paths are relative to the root ("proc/meminfo"). Reading never throws: what
// cannot be read, or is not of the asked form, is absent.
class SystemFiles {
 public:
  explicit SystemFiles(std::filesystem::path root) : root_(std::move(root)) {}

  std::filesystem::path path(std::string_view relative) const { return root_ / relative; }
  bool exists(std::string_view relative) const;
  // The content without white space at its ends.
  std::optional<std::string> text(std::string_view relative) const;
  // A file that is one number.
  std::optional<std::uint64_t> number(std::string_view relative) const;

 private:
  std::filesystem::path root_;
};

// The whole text as a number.
std::optional<std::uint64_t> whole_number(std::string_view text);

// What follows "KEY" and a colon or white space on the line that begins with it,
// as in /proc/meminfo, /proc/cpuinfo, /proc/self/status and memory.stat.
std::optional<std::string_view> line_value(std::string_view text, std::string_view key);

// "MemAvailable" of /proc/meminfo, in bytes.
std::optional<std::uint64_t> meminfo_bytes(std::string_view meminfo, std::string_view key);

}  // namespace netstall
