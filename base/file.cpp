#include "base/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

// Reads to the end of the file; returns 0 or an errno (EFBIG beyond the limit).
int read_to_end(int fd, std::size_t limit, std::string& out) {
  std::array<char, 65536> chunk;
  for (;;) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return 0;
    if (out.size() + static_cast<std::size_t>(got) > limit) return EFBIG;
    out.append(chunk.data(), static_cast<std::size_t>(got));
  }
}

void sync_folder(const std::filesystem::path& folder) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  // Some file systems cannot sync a folder (EINVAL): the rename is atomic there too.
  if (fd) static_cast<void>(::fsync(fd.get()));
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
}

}  // namespace

std::string read_file(const std::filesystem::path& path, std::size_t limit) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno(fmt::format("open {}", path.string()), errno);
  std::string content;
  const int error = read_to_end(fd.get(), limit, content);
  if (error == EFBIG) {
    throw Error(ErrorKind::usage, fmt::format("read {}", path.string()),
                fmt::format("larger than {} bytes", limit));
  }
  if (error != 0) throw_errno(fmt::format("read {}", path.string()), error);
  return content;
}

std::optional<std::string> try_read_file(const std::filesystem::path& path) {
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string content;
  if (!fd || read_to_end(fd.get(), std::size_t{64} << 20, content) != 0) return std::nullopt;
  return content;
}

int write_kernel_file(const std::filesystem::path& path, std::string_view text) {
  const Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return errno;
  const ssize_t written = ::write(fd.get(), text.data(), text.size());
  if (written < 0) return errno;
  return static_cast<std::size_t>(written) == text.size() ? 0 : EIO;
}

void replace_file(const std::filesystem::path& path, std::string_view content) {
  FileReplacement file(path);
  file.write(content);
  file.commit();
}

FileReplacement::FileReplacement(std::filesystem::path path)
    : path_(std::move(path)),
      beside_(fmt::format("{}.{}.tmp", path_.string(), ::getpid())),
      fd_(::open(beside_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)) {
  if (!fd_) throw_errno(fmt::format("write {}", path_.string()), errno);
}

FileReplacement::~FileReplacement() {
  if (!beside_.empty()) ::unlink(beside_.c_str());
}

void FileReplacement::write(std::string_view text) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  pending_ += text;
  if (pending_.size() >= kPiece) flush();
}

void FileReplacement::flush() {
  if (const int error = write_all(fd_.get(), pending_)) {
    throw_errno(fmt::format("write {}", path_.string()), error);
  }
  pending_.clear();
}

void FileReplacement::commit() {
  flush();
  if (::fsync(fd_.get()) != 0) throw_errno(fmt::format("sync {}", path_.string()), errno);
  if (::rename(beside_.c_str(), path_.c_str()) != 0) {
    throw_errno(fmt::format("rename to {}", path_.string()), errno);
  }
  beside_.clear();
  sync_folder(folder_of(path_));
}

SyncedAppender::SyncedAppender(std::filesystem::path path)
    : path_(std::move(path)),
      fd_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644)) {
  if (!fd_) throw_errno(fmt::format("open {}", path_.string()), errno);
  sync_folder(folder_of(path_));
}

void SyncedAppender::append_line(std::string_view line) {
  std::string whole(line);
  whole.push_back('\n');
  const off_t before = ::lseek(fd_.get(), 0, SEEK_END);
  if (const int error = write_all(fd_.get(), whole)) {
    // Of a full disk's part of a line the next one would be the rest.
    if (before >= 0) static_cast<void>(!::ftruncate(fd_.get(), before));
    throw_errno(fmt::format("append to {}", path_.string()), error);
  }
  if (::fdatasync(fd_.get()) != 0) throw_errno(fmt::format("sync {}", path_.string()), errno);
}

int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kWhite = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(kWhite);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhite) - first + 1);
}

}  // namespace netstall
