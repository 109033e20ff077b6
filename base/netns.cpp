#include "base/netns.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <exception>
#include <optional>
#include <thread>
#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

constexpr const char* kOwnNamespace = "/proc/thread-self/ns/net";

Fd open_own() {
  Fd fd(::open(kOwnNamespace, O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno("open the thread's network namespace", errno);
  return fd;
}

bool same_file(int one, int another) {
  struct stat first {};
  struct stat second {};
  return ::fstat(one, &first) == 0 && ::fstat(another, &second) == 0 &&
         first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

std::uint64_t own_cookie() {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) throw_errno("open a socket", errno);
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) != 0) {
    throw_errno("read the cookie of a network namespace", errno);
  }
  return cookie;
}

}  // namespace

Netns Netns::create() {
  // A thread of its own: unshare() moves its caller, and a thread that ends needs no way back.
  std::optional<Netns> made;
  std::exception_ptr failure;
  std::thread maker([&] {
    try {
      if (::unshare(CLONE_NEWNET) != 0) {
        throw_errno("create a network namespace", errno, "run as root");
      }
      made = current();
    } catch (...) {
      failure = std::current_exception();
    }
  });
  maker.join();
  if (failure) std::rethrow_exception(failure);
  return std::move(*made);
}

Netns Netns::open(const std::filesystem::path& path) {
  Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) throw_errno("open a network namespace", errno);
  Netns netns(std::move(fd), 0);
  const ScopedNetns inside(netns);
  netns.cookie_ = own_cookie();
  return netns;
}

Netns Netns::current() {
  auto fd = open_own();
  return {std::move(fd), own_cookie()};
}

ScopedNetns::ScopedNetns(const Netns& netns) : back_(open_own()) {
  // Entering needs CAP_SYS_ADMIN even where one is already.
  if (same_file(back_.get(), netns.fd())) {
    back_.reset();
    return;
  }
  if (::setns(netns.fd(), CLONE_NEWNET) != 0) throw_errno("enter a network namespace", errno);
}

ScopedNetns::~ScopedNetns() {
  // A thread that cannot go back would act on the wrong namespace from here on.
  if (back_ && ::setns(back_.get(), CLONE_NEWNET) != 0) std::abort();
}

}  // namespace netstall
