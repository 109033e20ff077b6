// A handle to a network namespace. The namespace lives as long as a handle, a
// process or a socket holds it: nothing is mounted, so nothing can be left behind.
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/fd.hpp"

namespace netstall {

class Netns {
 public:
  // A new, empty namespace (loopback down). Needs CAP_SYS_ADMIN; throws Error.
  static Netns create();
  // The one that the calling thread is in.
  static Netns current();
  // The one behind a file, as /proc/PID/ns/net, in which it needs CAP_SYS_ADMIN. Throws Error.
  static Netns open(const std::filesystem::path& path);

  int fd() const noexcept { return fd_.get(); }
  // The kernel's number for it (SO_NETNS_COOKIE): never used again while the machine is up.
  std::uint64_t cookie() const noexcept { return cookie_; }

 private:
  Netns(Fd fd, std::uint64_t cookie) : fd_(std::move(fd)), cookie_(cookie) {}
  Fd fd_;
  std::uint64_t cookie_;
};

// Puts the calling thread into a namespace for as long as it lives, then back.
// Bound to the thread that made it. On that thread /proc/sys/net follows, but
// /proc/net does not: read /proc/thread-self/net.
class ScopedNetns {
 public:
  explicit ScopedNetns(const Netns& netns);
  ScopedNetns(const ScopedNetns&) = delete;
  ScopedNetns& operator=(const ScopedNetns&) = delete;
  ~ScopedNetns();

 private:
  Fd back_;
};

}  // namespace netstall
