// Whole-file reading and writing, as kernel files, journals and reports need it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace netstall {

// The whole content of a file. Throws Error; more than `limit` bytes is an error
// too, so that a 100 MB "scenario" or an endless device cannot fill the memory.
std::string read_file(const std::filesystem::path& path, std::size_t limit = std::size_t{64} << 20);

// The same, or nothing where the file cannot be opened or read.
std::optional<std::string> try_read_file(const std::filesystem::path& path);

// One write(2) of the whole text to an existing kernel file (/proc, /sys).
// Returns 0 or the errno: what a kernel file refuses is for the caller to word.
int write_kernel_file(const std::filesystem::path& path, std::string_view text);

// Replaces `path` by a file with this content so that a reader, or a crash, sees
// the old file or the new one, never a part: written beside, synced, renamed.
void replace_file(const std::filesystem::path& path, std::string_view content);

// The same a piece at a time: until commit() nobody sees the new file, and without
// it none is left. Every member throws Error. Not thread-safe.
class FileReplacement {
 public:
  explicit FileReplacement(std::filesystem::path path);
  FileReplacement(const FileReplacement&) = delete;
  FileReplacement& operator=(const FileReplacement&) = delete;
  ~FileReplacement();

  void write(std::string_view text);
  // Once, after the last write().
  void commit();

 private:
  void flush();

  std::filesystem::path path_;
  std::string beside_;
  Fd fd_;
  std::string pending_;  // small pieces are written together
};

// Appends whole lines to a file that is its own, each synced before it returns; a
// crash leaves every line so far and at most a part of one more. append_line()
// throws Error and leaves no part of its line. Not thread-safe.
class SyncedAppender {
 public:
  explicit SyncedAppender(std::filesystem::path path);
  void append_line(std::string_view line);
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  std::filesystem::path path_;
  Fd fd_;
};

// Writes all of `text` to a descriptor, through short writes and EINTR.
// Returns 0 or the errno.
int write_all(int fd, std::string_view text);

// The text without leading and trailing white space.
std::string_view trimmed(std::string_view text);

}  // namespace netstall
