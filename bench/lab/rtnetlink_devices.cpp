// What moving a device between namespaces takes; rtnetlink.hpp says what each does.
#include <fmt/format.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.hpp"
#include "bench/lab/rtnetlink.hpp"

namespace netstall {
namespace {

constexpr std::uint32_t kForEver = 0xffffffff;
// Of an address, those that are asked for; others are its state.
constexpr std::uint32_t kGivenFlags =
    IFA_F_NOPREFIXROUTE | IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_MCAUTOJOIN;

template <class T>
T number_in(const NetlinkReply& reply, std::size_t skip, std::uint16_t type) {
  return value_of<T>(attribute_of(reply.payload, skip, type));
}

LinkFacts facts_of(const NetlinkReply& reply) {
  const auto head = reply.header<ifinfomsg>();
  const auto number = [&](std::uint16_t type) {
    return number_in<std::uint32_t>(reply, sizeof(ifinfomsg), type);
  };
  LinkFacts facts;
  facts.index = head.ifi_index;
  facts.name = text_attribute(reply.payload, sizeof(ifinfomsg), IFLA_IFNAME);
  facts.kind = text_attribute(attribute_of(reply.payload, sizeof(ifinfomsg), IFLA_LINKINFO), 0,
                              IFLA_INFO_KIND);
  facts.hardware_address = attribute_of(reply.payload, sizeof(ifinfomsg), IFLA_ADDRESS);
  facts.mtu = number(IFLA_MTU);
  facts.txqueuelen = number(IFLA_TXQLEN);
  facts.up = (head.ifi_flags & IFF_UP) != 0;
  facts.loopback = (head.ifi_flags & IFF_LOOPBACK) != 0;
  facts.master = static_cast<int>(number(IFLA_MASTER));
  // Of a device of another namespace the number says nothing here.
  if (attribute_of(reply.payload, sizeof(ifinfomsg), IFLA_LINK_NETNSID).empty()) {
    facts.lower = static_cast<int>(number(IFLA_LINK));
  }
  const auto families = attribute_of(reply.payload, sizeof(ifinfomsg), IFLA_AF_SPEC);
  const auto mode = attribute_of(attribute_of(families, 0, AF_INET6), 0, IFLA_INET6_ADDR_GEN_MODE);
  if (!mode.empty()) facts.ipv6_address_mode = value_of<std::uint8_t>(mode);
  return facts;
}

// By IFA_FLAGS, which holds more than the header's byte does.
std::uint32_t flags_of(const NetlinkReply& reply) {
  const auto flags = attribute_of(reply.payload, sizeof(ifaddrmsg), IFA_FLAGS);
  return flags.empty() ? reply.header<ifaddrmsg>().ifa_flags : value_of<std::uint32_t>(flags);
}

// IPv6 addresses that the kernel, or a router, gives a link which is up.
bool comes_by_itself(const NetlinkReply& reply, const LinkFacts& link) {
  const auto head = reply.header<ifaddrmsg>();
  if (head.ifa_family != AF_INET6) return false;
  if ((flags_of(reply) & IFA_F_PERMANENT) == 0) return true;
  return head.ifa_scope == RT_SCOPE_LINK && link.ipv6_address_mode != IN6_ADDR_GEN_MODE_NONE;
}

bool is_own_route(const rtmsg& head) {
  if (head.rtm_type != RTN_UNICAST || head.rtm_table == RT_TABLE_LOCAL) return false;
  if ((head.rtm_flags & RTM_F_CLONED) != 0) return false;
  return head.rtm_protocol != RTPROT_KERNEL && head.rtm_protocol != RTPROT_RA &&
         head.rtm_protocol != RTPROT_REDIRECT;
}

int way_of(const NetlinkReply& route) {
  return number_in<int>(route, sizeof(rtmsg), RTA_OIF);
}

// Whether one of the ways of a route that has several goes over a link.
bool shares(const NetlinkReply& route, int index) {
  auto ways = attribute_of(route.payload, sizeof(rtmsg), RTA_MULTIPATH);
  while (ways.size() >= sizeof(rtnexthop)) {
    const auto way = value_of<rtnexthop>(ways);
    if (way.rtnh_ifindex == index) return true;
    if (way.rtnh_len < sizeof way) break;
    ways.remove_prefix(std::min<std::size_t>(RTNH_ALIGN(way.rtnh_len), ways.size()));
  }
  return false;
}

}  // namespace

std::vector<LinkFacts> Rtnetlink::links() {
  std::vector<LinkFacts> links;
  NetlinkMessage message(RTM_GETLINK, NLM_F_DUMP, ifinfomsg{});
  for (const auto& reply : socket_.transact(std::move(message), "list the links")) {
    links.push_back(facts_of(reply));
  }
  return links;
}

LinkFacts Rtnetlink::facts(int index) {
  return facts_of(link(index));
}

std::map<std::string, std::int64_t> Rtnetlink::drops(int index) {
  const auto stats = number_in<rtnl_link_stats64>(link(index), sizeof(ifinfomsg), IFLA_STATS64);
  const auto number = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  return {{"rx_dropped", number(stats.rx_dropped)},
          {"rx_missed", number(stats.rx_missed_errors)},
          {"rx_overrun", number(stats.rx_over_errors + stats.rx_fifo_errors)},
          {"rx_errors", number(stats.rx_errors)},
          {"tx_dropped", number(stats.tx_dropped)},
          {"tx_errors", number(stats.tx_errors)}};
}

void Rtnetlink::set_sizes(int index, std::optional<std::uint32_t> mtu,
                          std::optional<std::uint32_t> txqueuelen) {
  if (!mtu && !txqueuelen) return;
  ifinfomsg head{};
  head.ifi_index = index;
  NetlinkMessage message(RTM_NEWLINK, 0, head);
  if (mtu) message.number(IFLA_MTU, *mtu);
  if (txqueuelen) message.number(IFLA_TXQLEN, *txqueuelen);
  socket_.transact(std::move(message), "set a link's mtu and txqueuelen");
}

void Rtnetlink::move(int index, const Netns& there) {
  ifinfomsg head{};
  head.ifi_index = index;
  NetlinkMessage message(RTM_NEWLINK, 0, head);
  message.number(IFLA_NET_NS_FD, static_cast<std::uint32_t>(there.fd()));
  socket_.transact(std::move(message), "move a link to another namespace");
}

std::vector<NetlinkReply> Rtnetlink::dump_addresses() {
  NetlinkMessage message(RTM_GETADDR, NLM_F_DUMP, ifaddrmsg{});
  return socket_.transact(std::move(message), "list the addresses");
}

std::vector<NetlinkReply> Rtnetlink::dump_routes() {
  std::vector<NetlinkReply> routes;
  for (const auto family : {AF_INET, AF_INET6}) {
    rtmsg head{};
    head.rtm_family = static_cast<std::uint8_t>(family);
    NetlinkMessage message(RTM_GETROUTE, NLM_F_DUMP, head);
    for (auto& reply : socket_.transact(std::move(message), "list the routes")) {
      // Without IPv6 the kernel answers for all families.
      if (reply.header<rtmsg>().rtm_family == family) routes.push_back(std::move(reply));
    }
  }
  return routes;
}

std::vector<std::string> Rtnetlink::address_bytes(int index) {
  std::vector<std::string> addresses;
  for (const auto& reply : dump_addresses()) {
    if (static_cast<int>(reply.header<ifaddrmsg>().ifa_index) != index) continue;
    auto address = attribute_of(reply.payload, sizeof(ifaddrmsg), IFA_LOCAL);
    if (address.empty()) address = attribute_of(reply.payload, sizeof(ifaddrmsg), IFA_ADDRESS);
    addresses.emplace_back(address);
  }
  return addresses;
}

std::vector<std::string> Rtnetlink::own_addresses(int index) {
  const auto link = facts(index);
  std::vector<std::string> addresses;
  for (const auto& reply : dump_addresses()) {
    auto head = reply.header<ifaddrmsg>();
    if (static_cast<int>(head.ifa_index) != index || comes_by_itself(reply, link)) continue;
    head.ifa_flags = 0;
    head.ifa_index = 0;
    NetlinkMessage kept;
    kept.append(bytes_of(head));
    for_each_attribute(reply.payload, sizeof head, [&](std::uint16_t type, std::string_view bytes) {
      if (type == IFA_LOCAL || type == IFA_ADDRESS || type == IFA_BROADCAST || type == IFA_LABEL ||
          type == IFA_RT_PRIORITY) {
        kept.attribute(type, bytes);
      }
      if (type != IFA_CACHEINFO) return;
      auto life = value_of<ifa_cacheinfo>(bytes);
      if (life.ifa_valid == kForEver) return;
      life.cstamp = 0;
      life.tstamp = 0;
      kept.number(IFA_CACHEINFO, life);
    });
    kept.number(IFA_FLAGS, flags_of(reply) & kGivenFlags);
    addresses.push_back(kept.bytes());
  }
  return addresses;
}

std::vector<std::string> Rtnetlink::own_routes(int index) {
  std::vector<std::string> routes;
  for (const auto& reply : dump_routes()) {
    auto head = reply.header<rtmsg>();
    if (!is_own_route(head) || way_of(reply) != index) continue;
    head.rtm_flags &= RTNH_F_ONLINK;
    NetlinkMessage kept;
    kept.append(bytes_of(head));
    for_each_attribute(reply.payload, sizeof head, [&](std::uint16_t type, std::string_view bytes) {
      if (type != RTA_CACHEINFO && type != RTA_OIF) kept.attribute(type, bytes);
    });
    routes.push_back(kept.bytes());
  }
  return routes;
}

void Rtnetlink::restore(NetlinkMessage message, std::string_view operation) {
  try {
    socket_.transact(std::move(message), operation);
  } catch (const Error& error) {
    // The kernel says no more than this where it is there already.
    if (std::string_view(error.what()).find(errno_text(EEXIST)) == std::string_view::npos) throw;
  }
}

void Rtnetlink::restore_address(int index, std::string_view address) {
  auto head = value_of<ifaddrmsg>(address);
  head.ifa_index = static_cast<std::uint32_t>(index);
  NetlinkMessage message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, head);
  for_each_attribute(address, sizeof head, [&](std::uint16_t type, std::string_view bytes) {
    message.attribute(type, bytes);
  });
  restore(std::move(message), "put an address back");
}

void Rtnetlink::restore_route(int index, std::string_view route) {
  const auto head = value_of<rtmsg>(route);
  NetlinkMessage message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, head);
  for_each_attribute(route, sizeof head, [&](std::uint16_t type, std::string_view bytes) {
    message.attribute(type, bytes);
  });
  message.number(RTA_OIF, index);
  restore(std::move(message), "put a route back");
}

bool Rtnetlink::has_default_route(int index) {
  const auto routes = dump_routes();
  return std::any_of(routes.begin(), routes.end(), [index](const NetlinkReply& route) {
    const auto head = route.header<rtmsg>();
    return head.rtm_dst_len == 0 && head.rtm_type == RTN_UNICAST &&
           (way_of(route) == index || shares(route, index));
  });
}

bool Rtnetlink::has_shared_route(int index) {
  const auto routes = dump_routes();
  return std::any_of(routes.begin(), routes.end(),
                     [index](const NetlinkReply& route) { return shares(route, index); });
}

}  // namespace netstall
