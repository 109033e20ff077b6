// Tells whether a network namespace is really gone, not only out of sight: gives
// it a number in a namespace of the test's own, which the kernel takes away when
// the other one ends.
#pragma once

#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdint>

#include "base/clock.hpp"
#include "base/netns.hpp"
#include "bench/lab/netlink.hpp"

namespace netstall {

class NamespaceWatch {
 public:
  // The namespace behind a descriptor (of /proc/PID/ns/net); does not keep it alive.
  void add(int fd) {
    NetlinkMessage message(RTM_NEWNSID, 0, rtgenmsg{AF_UNSPEC});
    message.number(NETNSA_NSID, std::int32_t{-1});
    message.number(NETNSA_FD, fd);
    socket_.transact(std::move(message), "number a namespace");
  }
  std::size_t alive() {
    NetlinkMessage message(RTM_GETNSID, NLM_F_DUMP, rtgenmsg{AF_UNSPEC});
    return socket_.transact(std::move(message), "list numbered namespaces").size();
  }
  bool all_gone(const Deadline& deadline) {
    while (alive() != 0) {
      if (deadline.passed()) return false;
      ::poll(nullptr, 0, 1);
    }
    return true;
  }

 private:
  Netns own_ = Netns::create();
  NetlinkSocket socket_{own_, NETLINK_ROUTE};
};

}  // namespace netstall
