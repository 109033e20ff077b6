// Of Rtnetlink what concerns bridges.
#include <fmt/format.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <utility>

#include "bench/lab/rtnetlink.hpp"

namespace netstall {

void Rtnetlink::add_bridge(std::string_view name) {
  NetlinkMessage info;
  info.name(IFLA_INFO_KIND, "bridge");
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, ifinfomsg{});
  message.name(IFLA_IFNAME, std::string(name));
  message.attribute(IFLA_LINKINFO, info);
  socket_.transact(std::move(message), fmt::format("make the bridge {}", name));
}

void Rtnetlink::add_to_bridge(int index, int bridge) {
  ifinfomsg link{};
  link.ifi_index = index;
  NetlinkMessage message(RTM_NEWLINK, 0, link);
  message.number(IFLA_MASTER, static_cast<std::uint32_t>(bridge));
  socket_.transact(std::move(message), "add a port to a bridge");
}

bool Rtnetlink::forwards(int index) {
  const auto reply = link(index);
  const auto info = attribute_of(reply.payload, sizeof(ifinfomsg), IFLA_LINKINFO);
  const auto port = attribute_of(info, 0, IFLA_INFO_SLAVE_DATA);
  return value_of<std::uint8_t>(attribute_of(port, 0, IFLA_BRPORT_STATE)) == BR_STATE_FORWARDING;
}

void Rtnetlink::add_bridge_entry(int index, std::string_view hardware_address) {
  ndmsg header{};
  header.ndm_family = AF_BRIDGE;
  header.ndm_ifindex = index;
  header.ndm_state = NUD_NOARP;  // static: it does not age
  header.ndm_flags = NTF_MASTER;
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
  message.attribute(NDA_LLADDR, hardware_address);
  socket_.transact(std::move(message), "tell a bridge who is behind a port");
}

}  // namespace netstall
