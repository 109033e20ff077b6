// The few network changes a lab needs, spoken to the kernel directly: an `ip`
// process for each would cost more than the rest of the lab.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/netns.hpp"
#include "bench/lab/netlink.hpp"

namespace netstall {

// One end of a veth pair.
struct VethEnd {
  std::string name;
  std::optional<std::uint32_t> mtu;
  std::optional<std::uint32_t> txqueuelen;
};

// Changes the links of one namespace. Every call returns when the kernel has done
// it, and throws Error with the kernel's own words where it has some. Not thread-safe.
class Rtnetlink {
 public:
  explicit Rtnetlink(const Netns& netns);

  // A pair whose first end is here and whose second is made straight in `there`:
  // nothing of it is ever in a third namespace.
  void add_veth(const VethEnd& here, const VethEnd& other, const Netns& there);
  // Interface number; throws Error when there is none of this name.
  int index_of(std::string_view name);
  // Its hardware address, as bytes.
  std::string hardware_address(int index);
  // No IPv6 link-local address is to be made when the link comes up: it would be
  // tentative at first, and solicit routers.
  void forbid_link_local(int index);
  void set_up(int index);
  // Whether what is sent on it is sent. After set_up() of both ends the kernel's
  // linkwatch has yet to start one end's queue; until then all is dropped.
  bool carries(int index);
  // A text address and prefix length, without duplicate detection.
  void add_address(int index, std::string_view address, std::uint8_t prefix);
  // Whether what is sent to an address of this namespace is received: an IPv6 one
  // becomes local in a worker of the kernel's, some time after add_address().
  bool receives(std::string_view address);
  // Who has an address behind a link, for good: nobody need ask for it, and nothing
  // is lost while the answer is awaited.
  void add_neighbour(int index, std::string_view address, std::string_view hardware_address);
  std::vector<std::string> link_names();
  // What a link and its root qdisc have counted so far: "link.rx_dropped",
  // "link.tx_dropped", "qdisc.drops", "qdisc.overlimits", "qdisc.requeues".
  std::map<std::string, std::int64_t> counters(int index);

 private:
  NetlinkReply link(int index);
  NetlinkSocket socket_;
};

}  // namespace netstall
