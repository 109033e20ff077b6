// The namespaces of a lab and the link that joins them: a veth pair, two ports of the
// machine, or, with several clients, a bridge that each end is cabled to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/netns.hpp"
#include "bench/lab/rtnetlink.hpp"
#include "model/scenario.hpp"

namespace netstall {

constexpr const char* kLinkName = "netstall0";

// One end of the link: the server's, or a client's.
struct LabEnd {
  Side side = Side::client;
  std::uint32_t client = 0;
};

// Its address: "10.78.0.1", "fd00:6e73::1". Namespaces are separate, so every lab has
// the same ones.
std::string lab_address(LabEnd end, Family family);

// "client" or "server"; of several clients "client 2", counted from 0.
std::string name_of_end(LabEnd end, std::uint32_t clients);

// A namespace for each end and, with several clients, one that holds the bridge alone.
class LabNamespaces {
 public:
  // Throws Error.
  explicit LabNamespaces(std::uint32_t clients);

  // The clients', in their order, then the server's.
  const std::vector<LabEnd>& ends() const noexcept { return ends_; }
  const Netns& of(LabEnd end) const;
  std::uint32_t clients() const noexcept { return static_cast<std::uint32_t>(ends_.size() - 1); }
  // Null where there is none.
  const Netns* bridge() const noexcept { return bridge_ ? &*bridge_ : nullptr; }

 private:
  std::vector<LabEnd> ends_;
  std::vector<Netns> namespaces_;  // as ends_
  std::optional<Netns> bridge_;
};

// The netlink sockets and interface numbers of a link while it is made. Not thread-safe;
// every call throws Error. The namespaces must outlive it.
class LinkMaker {
 public:
  // The link, still down; with `devices` the ports of this name, which are in the
  // namespaces of the one client and the server.
  LinkMaker(const LabNamespaces& namespaces, const LinkSpec& spec,
            const std::optional<PerSide<std::string>>& devices, bool ipv6);

  // Returns when all ends carry what is sent.
  void bring_up();
  // Returns when clients and server receive what they send each other. Clients among
  // themselves have no addresses of each other: they would ask.
  void add_addresses();

 private:
  struct End {
    LabEnd which;
    Rtnetlink netlink;
    int index = 0;
    int port = 0;  // of the bridge
  };
  void join_by_bridge(const LinkSpec& spec, const Netns& bridge);
  void bring_bridge_up();
  void introduce(End& end, End& peer, Family family);

  std::vector<End> ends_;  // as LabNamespaces::ends()
  std::optional<Rtnetlink> bridge_;
  int bridge_index_ = 0;
  bool ipv6_;
};

// Why this kernel makes no bridge, a sentence; nothing where it does, or where nobody may
// try. Makes one in a namespace that is gone when it returns.
std::optional<std::string> why_no_bridge();

}  // namespace netstall
