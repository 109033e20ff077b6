#include "bench/lab/lab_link.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/user_namespace.hpp"

namespace netstall {
namespace {

constexpr auto kLinkPatience = std::chrono::seconds(10);

// The kernel finishes much in workers of its own, and a SYN that comes too early is
// lost: it would be sent again after a second.
template <class Condition>
void await(std::string_view operation, Condition condition) {
  for (const Deadline deadline(kLinkPatience); !condition(); ::poll(nullptr, 0, 1)) {
    if (deadline.passed()) {
      throw Error(ErrorKind::failed, operation, "it carries nothing after 10 s");
    }
  }
}

}  // namespace

std::string lab_address(LabEnd end, Family family) {
  // The first client has 1, the server 2, the other clients what follows.
  const auto number = end.side == Side::server ? 2 : end.client == 0 ? 1 : end.client + 2;
  return family == Family::ipv4 ? fmt::format("10.78.0.{}", number)
                                : fmt::format("fd00:6e73::{:x}", number);
}

std::string name_of_end(LabEnd end, std::uint32_t clients) {
  if (end.side == Side::server || clients == 1) return std::string(name_of(end.side));
  return fmt::format("{} {}", name_of(end.side), end.client);
}

LabNamespaces::LabNamespaces(std::uint32_t clients) {
  for (std::uint32_t client = 0; client < clients; ++client) {
    ends_.push_back({Side::client, client});
    namespaces_.push_back(Netns::create());
  }
  ends_.push_back({Side::server, 0});
  namespaces_.push_back(Netns::create());
  if (clients > 1) bridge_ = Netns::create();
}

const Netns& LabNamespaces::of(LabEnd end) const {
  return end.side == Side::server ? namespaces_.back() : namespaces_.at(end.client);
}

LinkMaker::LinkMaker(const LabNamespaces& namespaces, const LinkSpec& spec,
                     const std::optional<PerSide<std::string>>& devices, bool ipv6)
    : ipv6_(ipv6) {
  for (const auto end : namespaces.ends()) {
    ends_.push_back({end, Rtnetlink(namespaces.of(end))});
  }
  if (const auto* bridge = namespaces.bridge()) {
    join_by_bridge(spec, *bridge);
  } else if (!devices) {
    const VethEnd end{kLinkName, spec.mtu, spec.txqueuelen};
    ends_.front().netlink.add_veth(end, end, namespaces.of(ends_.back().which));
  }
  for (auto& end : ends_) {
    end.index = end.netlink.index_of(devices ? (*devices)[end.which.side] : kLinkName);
    if (devices) end.netlink.set_sizes(end.index, spec.mtu, spec.txqueuelen);
  }
}

void LinkMaker::join_by_bridge(const LinkSpec& spec, const Netns& bridge) {
  bridge_.emplace(bridge);
  bridge_->add_bridge(kLinkName);
  bridge_index_ = bridge_->index_of(kLinkName);
  for (auto& end : ends_) {
    const auto port = end.which.side == Side::server ? std::string("server")
                                                     : fmt::format("client{}", end.which.client);
    end.netlink.add_veth({kLinkName, spec.mtu, spec.txqueuelen}, {port, spec.mtu, spec.txqueuelen},
                         bridge);
    end.port = bridge_->index_of(port);
    bridge_->add_to_bridge(end.port, bridge_index_);
  }
}

void LinkMaker::bring_bridge_up() {
  const auto start = [this](int index) {
    if (ipv6_) bridge_->forbid_link_local(index);
    bridge_->set_up(index);
  };
  start(bridge_index_);
  for (const auto& end : ends_) start(end.port);
}

void LinkMaker::bring_up() {
  if (bridge_) bring_bridge_up();
  for (auto& end : ends_) {
    end.netlink.set_up(end.netlink.index_of("lo"));
    if (ipv6_) end.netlink.forbid_link_local(end.index);
    end.netlink.set_up(end.index);
  }
  for (auto& end : ends_) {
    await("bring the link up", [&] {
      return end.netlink.carries(end.index) &&
             (!bridge_ || (bridge_->carries(end.port) && bridge_->forwards(end.port)));
    });
  }
}

void LinkMaker::introduce(End& end, End& peer, Family family) {
  const auto address = lab_address(peer.which, family);
  end.netlink.add_neighbour(end.index, address, peer.netlink.hardware_address(peer.index));
}

void LinkMaker::add_addresses() {
  std::vector<Family> families{Family::ipv4};
  if (ipv6_) families.push_back(Family::ipv6);
  auto& server = ends_.back();
  for (auto& end : ends_) {
    for (const auto family : families) {
      const std::uint8_t prefix = family == Family::ipv4 ? 24 : 64;
      end.netlink.add_address(end.index, lab_address(end.which, family), prefix);
    }
    // Else what goes to a client that has not sent yet would reach all of them.
    if (bridge_) {
      bridge_->add_bridge_entry(end.port, end.netlink.hardware_address(end.index));
    }
  }
  for (auto& end : ends_) {
    if (end.which.side == Side::server) continue;
    for (const auto family : families) {
      introduce(end, server, family);
      introduce(server, end, family);
    }
  }
  for (auto& end : ends_) {
    if (!ipv6_) continue;
    await("use IPv6 on the link",
          [&] { return end.netlink.receives(lab_address(end.which, Family::ipv6)); });
  }
}

std::optional<std::string> why_no_bridge() {
  if (!may_make_namespaces()) return std::nullopt;
  try {
    const auto scratch = Netns::create();
    Rtnetlink(scratch).add_bridge(kLinkName);
    return std::nullopt;
  } catch (const Error& error) {
    return fmt::format(
        "Several clients meet on a bridge, which cannot be had here ({}). A guest whose kernel "
        "has it can run it (netstall run --guest 6.12).",
        error.what());
  }
}

}  // namespace netstall
