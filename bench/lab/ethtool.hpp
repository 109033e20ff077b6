// Ethtool requests to one device, by ioctl: settings of the device that netlink's links
// do not have.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "base/netns.hpp"

namespace netstall {

// Bound to a device by its name. Not thread-safe.
class Ethtool {
 public:
  // Throws Error where no socket can be opened in the namespace.
  Ethtool(const Netns& netns, std::string device);

  // `request` is one of linux/ethtool.h, with its command. Returns 0 or the errno.
  int ask(void* request);

 private:
  std::string device_;
  Fd socket_;
};

}  // namespace netstall
