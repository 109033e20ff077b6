#include "bench/lab/ethtool.hpp"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace netstall {

Ethtool::Ethtool(const Netns& netns, std::string device) : device_(std::move(device)) {
  const ScopedNetns inside(netns);
  socket_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket_) throw_errno("open a socket for ethtool", errno);
}

int Ethtool::ask(void* request) {
  ifreq interface {};
  const auto length = std::min(device_.size(), sizeof interface.ifr_name - 1);
  std::memcpy(interface.ifr_name, device_.data(), length);
  interface.ifr_data = static_cast<char*>(request);
  return ::ioctl(socket_.get(), SIOCETHTOOL, &interface) == 0 ? 0 : errno;
}

}  // namespace netstall
