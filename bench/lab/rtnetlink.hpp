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

// What the kernel says of a link, whatever made it.
struct LinkFacts {
  int index = 0;
  std::string name;
  std::string kind;              // "veth", "vlan"; empty of a device with hardware
  std::string hardware_address;  // bytes
  std::uint32_t mtu = 0;
  std::uint32_t txqueuelen = 0;
  bool up = false;
  bool loopback = false;
  int master = 0;                                 // the bridge or bond it is part of; 0: none
  int lower = 0;                                  // what it stands on, of a vlan; 0: nothing
  std::optional<std::uint8_t> ipv6_address_mode;  // absent: the kernel has no IPv6
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
  std::vector<LinkFacts> links();
  LinkFacts facts(int index);
  void set_down(int index);
  void set_sizes(int index, std::optional<std::uint32_t> mtu,
                 std::optional<std::uint32_t> txqueuelen);
  void set_ipv6_address_mode(int index, std::uint8_t mode);
  // Gives a link to another namespace, in which it keeps its name but is down, without
  // addresses and routes.
  void move(int index, const Netns& there);

  void add_bridge(std::string_view name);
  void add_to_bridge(int index, int bridge);
  // Whether a port of a bridge passes on what comes and what is to go: some time after
  // both are up.
  bool forwards(int index);
  // Who is behind a port, for good: what is sent there goes to no other port.
  void add_bridge_entry(int index, std::string_view hardware_address);

  // Every address of a link, as bytes.
  std::vector<std::string> address_bytes(int index);
  // Addresses and routes that somebody gave it, as restore_address() and restore_route()
  // take them: those that the kernel makes by itself are left out.
  std::vector<std::string> own_addresses(int index);
  std::vector<std::string> own_routes(int index);
  // Fine when it is there already.
  void restore_address(int index, std::string_view address);
  void restore_route(int index, std::string_view route);
  // Whether a route to everywhere, or one of several ways, goes over it.
  bool has_default_route(int index);
  bool has_shared_route(int index);
  // What a link and its root qdisc have counted so far: "link.rx_dropped",
  // "link.tx_dropped", "qdisc.drops", "qdisc.overlimits", "qdisc.requeues".
  std::map<std::string, std::int64_t> counters(int index);
  // What a link has lost so far, and what of it came wrong: "rx_dropped", "rx_missed",
  // "rx_overrun", "rx_errors", "tx_dropped", "tx_errors".
  std::map<std::string, std::int64_t> drops(int index);

 private:
  NetlinkReply link(int index);
  void change(int index, unsigned flags, unsigned which, std::string_view operation);
  // All of both families.
  std::vector<NetlinkReply> dump_addresses();
  std::vector<NetlinkReply> dump_routes();
  void restore(NetlinkMessage message, std::string_view operation);
  NetlinkSocket socket_;
};

}  // namespace netstall
