#include "bench/lab/rtnetlink.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <linux/gen_stats.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

void append_end(NetlinkMessage& message, const VethEnd& end) {
  message.name(IFLA_IFNAME, end.name);
  if (end.mtu) message.number(IFLA_MTU, *end.mtu);
  if (end.txqueuelen) message.number(IFLA_TXQLEN, *end.txqueuelen);
}

// A text address as netlink takes it.
struct IpAddress {
  explicit IpAddress(std::string_view text)
      : family(text.find(':') != std::string_view::npos ? AF_INET6 : AF_INET) {
    if (::inet_pton(family, std::string(text).c_str(), binary.data()) != 1) {
      throw Error(ErrorKind::failed, fmt::format("use the address {}", text), "this is none");
    }
  }
  std::string_view bytes() const {
    return {binary.data(), family == AF_INET6 ? sizeof(in6_addr) : sizeof(in_addr)};
  }
  std::uint8_t family;
  std::array<char, sizeof(in6_addr)> binary{};
};

}  // namespace

Rtnetlink::Rtnetlink(const Netns& netns) : socket_(netns, NETLINK_ROUTE) {}

void Rtnetlink::add_veth(const VethEnd& here, const VethEnd& other, const Netns& there) {
  const ifinfomsg any{};
  NetlinkMessage peer;
  peer.append(bytes_of(any));
  append_end(peer, other);
  peer.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.fd()));
  NetlinkMessage data;
  data.attribute(VETH_INFO_PEER, peer);
  NetlinkMessage info;
  info.name(IFLA_INFO_KIND, "veth");
  info.attribute(IFLA_INFO_DATA, data);
  NetlinkMessage message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, any);
  append_end(message, here);
  message.attribute(IFLA_LINKINFO, info);
  socket_.transact(std::move(message),
                   fmt::format("make the link {} to {}", here.name, other.name));
}

int Rtnetlink::index_of(std::string_view name) {
  NetlinkMessage message(RTM_GETLINK, 0, ifinfomsg{});
  message.name(IFLA_IFNAME, std::string(name));
  const auto operation = fmt::format("find the link {}", name);
  const auto replies = socket_.transact(std::move(message), operation);
  if (replies.empty()) {
    throw Error(ErrorKind::failed, operation, "the kernel tells nothing of it");
  }
  return replies.front().header<ifinfomsg>().ifi_index;
}

void Rtnetlink::forbid_link_local(int index) {
  set_ipv6_address_mode(index, IN6_ADDR_GEN_MODE_NONE);
}

void Rtnetlink::set_ipv6_address_mode(int index, std::uint8_t mode) {
  ifinfomsg link{};
  link.ifi_index = index;
  NetlinkMessage inet6;
  inet6.number(IFLA_INET6_ADDR_GEN_MODE, mode);
  NetlinkMessage families;
  families.attribute(AF_INET6, inet6);
  NetlinkMessage message(RTM_NEWLINK, 0, link);
  message.attribute(IFLA_AF_SPEC, families);
  socket_.transact(std::move(message), "say which IPv6 addresses a link makes by itself");
}

void Rtnetlink::change(int index, unsigned flags, unsigned which, std::string_view operation) {
  ifinfomsg link{};
  link.ifi_index = index;
  link.ifi_flags = flags;
  link.ifi_change = which;
  socket_.transact(NetlinkMessage(RTM_NEWLINK, 0, link), operation);
}

void Rtnetlink::set_up(int index) {
  change(index, IFF_UP, IFF_UP, "bring a link up");
}

void Rtnetlink::set_down(int index) {
  change(index, 0, IFF_UP, "take a link down");
}

NetlinkReply Rtnetlink::link(int index) {
  ifinfomsg wanted{};
  wanted.ifi_index = index;
  const auto operation = fmt::format("look at link {}", index);
  auto replies = socket_.transact(NetlinkMessage(RTM_GETLINK, 0, wanted), operation);
  if (replies.empty()) {
    throw Error(ErrorKind::failed, operation, "the kernel tells nothing of it");
  }
  return std::move(replies.front());
}

std::string Rtnetlink::hardware_address(int index) {
  const auto reply = link(index);
  return std::string(attribute_of(reply.payload, sizeof(ifinfomsg), IFLA_ADDRESS));
}

bool Rtnetlink::carries(int index) {
  constexpr unsigned kReady = IFF_UP | IFF_RUNNING | IFF_LOWER_UP;
  const auto reply = link(index);
  return (reply.header<ifinfomsg>().ifi_flags & kReady) == kReady &&
         text_attribute(reply.payload, sizeof(ifinfomsg), IFLA_QDISC) != "noop";
}

void Rtnetlink::add_address(int index, std::string_view address, std::uint8_t prefix) {
  const IpAddress ip(address);
  ifaddrmsg header{};
  header.ifa_family = ip.family;
  header.ifa_prefixlen = prefix;
  header.ifa_index = static_cast<std::uint32_t>(index);
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, header);
  message.attribute(IFA_LOCAL, ip.bytes());
  message.attribute(IFA_ADDRESS, ip.bytes());
  message.number(IFA_FLAGS, std::uint32_t{IFA_F_NODAD});
  socket_.transact(std::move(message), fmt::format("add the address {}/{}", address, prefix));
}

bool Rtnetlink::receives(std::string_view address) {
  const IpAddress ip(address);
  rtmsg header{};
  header.rtm_family = ip.family;
  NetlinkMessage message(RTM_GETROUTE, 0, header);
  message.attribute(RTA_DST, ip.bytes());
  const auto replies = socket_.transact(std::move(message), "look up a route");
  return !replies.empty() && replies.front().header<rtmsg>().rtm_type == RTN_LOCAL;
}

void Rtnetlink::add_neighbour(int index, std::string_view address,
                              std::string_view hardware_address) {
  const IpAddress ip(address);
  ndmsg header{};
  header.ndm_family = ip.family;
  header.ndm_ifindex = index;
  header.ndm_state = NUD_PERMANENT;
  NetlinkMessage message(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, header);
  message.attribute(NDA_DST, ip.bytes());
  message.attribute(NDA_LLADDR, hardware_address);
  socket_.transact(std::move(message), fmt::format("add the neighbour {}", address));
}

std::map<std::string, std::int64_t> Rtnetlink::counters(int index) {
  std::map<std::string, std::int64_t> counters;
  const auto add = [&counters](const char* name, std::uint64_t value) {
    counters[name] = static_cast<std::int64_t>(value);
  };
  const auto stats = value_of<rtnl_link_stats64>(
      attribute_of(link(index).payload, sizeof(ifinfomsg), IFLA_STATS64));
  add("link.rx_dropped", stats.rx_dropped);
  add("link.tx_dropped", stats.tx_dropped);
  tcmsg wanted{};
  wanted.tcm_ifindex = index;
  NetlinkMessage message(RTM_GETQDISC, NLM_F_DUMP, wanted);
  for (const auto& reply : socket_.transact(std::move(message), "list the qdiscs")) {
    const auto header = reply.header<tcmsg>();
    if (header.tcm_ifindex != index || header.tcm_parent != TC_H_ROOT) continue;
    const auto nested = attribute_of(reply.payload, sizeof(tcmsg), TCA_STATS2);
    const auto queue = value_of<gnet_stats_queue>(attribute_of(nested, 0, TCA_STATS_QUEUE));
    add("qdisc.drops", queue.drops);
    add("qdisc.overlimits", queue.overlimits);
    add("qdisc.requeues", queue.requeues);
  }
  return counters;
}

std::vector<std::string> Rtnetlink::link_names() {
  std::vector<std::string> names;
  for (auto& link : links()) names.push_back(std::move(link.name));
  return names;
}

}  // namespace netstall
