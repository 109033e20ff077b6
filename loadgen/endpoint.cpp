#include "loadgen/endpoint.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "base/error.hpp"

namespace netstall {
namespace {

template <class T>
void set_option(int fd, int level, int option, const T& value, std::string_view name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) {
    throw_errno(fmt::format("set {}", name), errno);
  }
}

void set_buffer(int fd, int option, Bytes size, std::string_view name) {
  constexpr std::uint64_t kMost = std::numeric_limits<int>::max();
  set_option(fd, SOL_SOCKET, option, static_cast<int>(std::min(size.count, kMost)), name);
}

std::uint64_t buffer_of(int fd, int option) {
  int size = 0;
  socklen_t length = sizeof size;
  if (::getsockopt(fd, SOL_SOCKET, option, &size, &length) != 0) {
    throw_errno("read the size of a socket's buffer", errno);
  }
  return static_cast<std::uint64_t>(size);
}

}  // namespace

Address address_of(Family family, const std::string& text, std::uint16_t port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool is_v4 = family == Family::ipv4;
  const int parsed = is_v4 ? ::inet_pton(AF_INET, text.c_str(), &v4.sin_addr)
                           : ::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
  if (parsed != 1) {
    throw Error(ErrorKind::failed, fmt::format("read the {} address \"{}\"", name_of(family), text),
                "it is none");
  }
  address.length = is_v4 ? sizeof v4 : sizeof v6;
  std::memcpy(&address.storage, is_v4 ? static_cast<void*>(&v4) : &v6, address.length);
  return address;
}

Fd make_socket(const FlowTask& task, bool sends) {
  const int family = task.family == Family::ipv4 ? AF_INET : AF_INET6;
  Fd fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  set_option(fd.get(), SOL_SOCKET, SO_LINGER, linger{1, 0}, "SO_LINGER");
  if (sends && task.sndbuf) set_buffer(fd.get(), SO_SNDBUF, *task.sndbuf, "SO_SNDBUF");
  if (!sends && task.rcvbuf) set_buffer(fd.get(), SO_RCVBUF, *task.rcvbuf, "SO_RCVBUF");
  if (task.nodelay)
    set_option(fd.get(), IPPROTO_TCP, TCP_NODELAY, int{*task.nodelay}, "TCP_NODELAY");
  return fd;
}

std::uint64_t sndbuf_of(int fd) {
  return buffer_of(fd, SO_SNDBUF);
}

std::uint64_t rcvbuf_of(int fd) {
  return buffer_of(fd, SO_RCVBUF);
}

void set_blocking(int fd, bool blocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (::fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) != 0) {
    throw_errno("set the blocking mode of a socket", errno);
  }
}

}  // namespace netstall
