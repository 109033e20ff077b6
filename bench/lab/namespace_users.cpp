#include "bench/lab/namespace_users.hpp"

#include <fmt/format.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/netlink.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

// What tells one namespace from another.
using Identity = std::pair<dev_t, ino_t>;

inet_diag_req_v2 request(std::uint8_t family) {
  inet_diag_req_v2 wanted{};
  wanted.sdiag_family = family;
  wanted.sdiag_protocol = IPPROTO_TCP;
  wanted.idiag_states = ~std::uint32_t{0};
  return wanted;
}

void destroy(NetlinkSocket& diag, const inet_diag_msg& socket) {
  auto wanted = request(socket.idiag_family);
  wanted.id = socket.id;
  try {
    diag.transact(NetlinkMessage(SOCK_DESTROY, 0, wanted), "end a socket");
  } catch (const Error&) {
    // It may have ended by itself; whether any is left is counted afterwards.
  }
}

std::uint64_t in_use(std::string_view sockstat, std::string_view head) {
  const auto at = sockstat.find(head);
  if (at == std::string_view::npos) {
    throw Error(ErrorKind::failed, "count the sockets of a namespace", "sockstat is not as known");
  }
  const auto number = sockstat.substr(at + head.size());
  std::uint64_t count = 0;
  std::from_chars(number.data(), number.data() + number.size(), count);
  return count;
}

}  // namespace

std::uint64_t tcp_sockets_in(const Netns& netns) {
  // Not "sockets: used": that still counts closed netlink sockets of the set-up
  // until a grace period of RCU is over.
  const ScopedNetns inside(netns);
  const auto ipv4 = read_file("/proc/thread-self/net/sockstat");
  const auto ipv6 = try_read_file("/proc/thread-self/net/sockstat6");
  return in_use(ipv4, "\nTCP: inuse ") + (ipv6 ? in_use(*ipv6, "TCP6: inuse ") : 0);
}

void destroy_tcp_sockets(const Netns& netns) {
  NetlinkSocket diag(netns, NETLINK_SOCK_DIAG);
  for (const auto family : {AF_INET, AF_INET6}) {
    const NetlinkMessage dump(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP,
                              request(static_cast<std::uint8_t>(family)));
    for (const auto& reply : diag.transact(dump, "list the sockets of a namespace")) {
      destroy(diag, reply.header<inet_diag_msg>());
    }
  }
}

std::vector<NamespaceMember> processes_in(std::span<const Netns* const> namespaces) {
  std::vector<Identity> wanted;
  for (const auto* netns : namespaces) {
    struct stat status {};
    ::fstat(netns->fd(), &status);
    wanted.emplace_back(status.st_dev, status.st_ino);
  }
  std::vector<NamespaceMember> found;
  std::error_code error;
  for (auto entry = fs::directory_iterator("/proc", error);
       !error && entry != fs::directory_iterator(); entry.increment(error)) {
    const auto name = entry->path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name.front())) == 0) continue;
    struct stat status {};
    if (::stat((entry->path() / "ns/net").c_str(), &status) != 0) continue;
    const auto match =
        std::find(wanted.begin(), wanted.end(), Identity(status.st_dev, status.st_ino));
    if (match == wanted.end()) continue;
    const auto command = try_read_file(entry->path() / "comm");
    found.push_back({static_cast<std::size_t>(match - wanted.begin()),
                     fmt::format("{} {}", name, command ? trimmed(*command) : "?")});
  }
  return found;
}

}  // namespace netstall
