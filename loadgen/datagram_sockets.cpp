#include "loadgen/datagram_sockets.hpp"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

// Nothing, with errno as it is.
Fd without(Fd fd) {
  const int error_number = errno;
  fd.reset();
  errno = error_number;
  return fd;
}

template <class T>
T as(const Address& address) {
  T value{};
  std::memcpy(&value, &address.storage, sizeof value);
  return value;
}

// The index of the link that has this IPv6 address; 0, which leaves it to the routes, where
// none has. (IPv4's own calls take the address.)
unsigned link_of(const in6_addr& address) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return 0;
  unsigned index = 0;
  for (const auto* one = all; one != nullptr && index == 0; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET6) continue;
    sockaddr_in6 own{};
    std::memcpy(&own, one->ifa_addr, sizeof own);
    if (std::memcmp(&own.sin6_addr, &address, sizeof address) != 0) continue;
    index = ::if_nametoindex(one->ifa_name);
  }
  ::freeifaddrs(all);
  return index;
}

// By the link of the address `own`: 0, or errno.
int join(int fd, const Address& group, const Address& own) {
  int result = 0;
  if (group.storage.ss_family == AF_INET) {
    const ip_mreqn request{as<sockaddr_in>(group).sin_addr, as<sockaddr_in>(own).sin_addr, 0};
    result = ::setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
  } else {
    const ipv6_mreq request{as<sockaddr_in6>(group).sin6_addr,
                            link_of(as<sockaddr_in6>(own).sin6_addr)};
    result = ::setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof request);
  }
  return result == 0 ? 0 : errno;
}

// What is sent to a group leaves by the link of the address `own`, and for that alone: a
// loopback device would else carry each datagram twice. False with errno set.
bool send_by(int fd, const Address& own) {
  const int no = 0;
  if (own.storage.ss_family == AF_INET) {
    const ip_mreqn by{{}, as<sockaddr_in>(own).sin_addr, 0};
    return ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &by, sizeof by) == 0 &&
           ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_LOOP, &no, sizeof no) == 0;
  }
  const auto link = link_of(as<sockaddr_in6>(own).sin6_addr);
  return ::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &link, sizeof link) == 0 &&
         ::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &no, sizeof no) == 0;
}

// Of socket `index` of a task; the last one may have fewer.
std::vector<std::uint32_t> multicast_groups_of(const FlowTask& task, std::uint32_t index) {
  std::vector<std::uint32_t> groups;
  const auto per_socket = task.multicast.per_socket;
  for (auto i = index * per_socket; i < std::min((index + 1) * per_socket, task.connections); ++i) {
    groups.push_back((task.first + i) % task.multicast.groups);
  }
  return groups;
}

}  // namespace

Fd open_datagram_socket(const Configure& configure, const FlowTask& task, std::uint32_t index) {
  const bool v4 = task.family == Family::ipv4;
  const auto port = static_cast<std::uint16_t>(task.port + index);
  const auto local = address_of(task.family, v4 ? configure.local_v4 : configure.local_v6, port);
  const auto peer = address_of(task.family, task.peer, port);
  Fd fd = make_socket(task, configure.side);
  if (!fd) return fd;
  if (::bind(fd.get(), local.get(), local.length) != 0 ||
      ::connect(fd.get(), peer.get(), peer.length) != 0) {
    return without(std::move(fd));
  }
  return fd;
}

Address multicast_group(const FlowTask& task, std::uint32_t group) {
  const auto text = task.family == Family::ipv4
                        ? fmt::format("239.78.{}.{}", group / 256, group % 256)
                        : fmt::format("ff15::6e73:{:x}", group + 1);
  return address_of(task.family, text, task.port);
}

Fd open_multicast_sender(const Configure& configure, const FlowTask& task) {
  const bool v4 = task.family == Family::ipv4;
  const auto local = address_of(task.family, v4 ? configure.local_v4 : configure.local_v6, 0);
  Fd fd = make_socket(task, configure.side);
  if (!fd) return fd;
  if (!send_by(fd.get(), local) || ::bind(fd.get(), local.get(), local.length) != 0) {
    return without(std::move(fd));
  }
  return fd;
}

JoinedSocket open_multicast_receiver(const Configure& configure, const FlowTask& task,
                                     std::uint32_t index) {
  const bool v4 = task.family == Family::ipv4;
  const auto own = address_of(task.family, v4 ? configure.local_v4 : configure.local_v6, 0);
  const auto any = address_of(task.family, v4 ? "0.0.0.0" : "::", task.port);
  JoinedSocket joined{make_socket(task, configure.side), {}, {}};
  const int fd = joined.socket.get();
  if (fd < 0) return joined;
  const int yes = 1;
  const int no = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  // Else what another socket of this machine has joined reaches this one, too.
  if (v4) {
    ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_ALL, &no, sizeof no);
  } else {
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, &no, sizeof no);
  }
  if (::bind(fd, any.get(), any.length) != 0) {
    joined.socket = without(std::move(joined.socket));
    return joined;
  }
  for (const auto group : multicast_groups_of(task, index)) {
    const int error_number = join(fd, multicast_group(task, group), own);
    if (error_number == 0) {
      joined.groups.push_back(group);
    } else {
      ++joined.refused[errno_name(error_number)];
    }
  }
  return joined;
}

}  // namespace netstall
