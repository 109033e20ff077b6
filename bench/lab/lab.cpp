#include "bench/lab/lab.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <linux/if_ether.h>
#include <poll.h>

#include <array>
#include <optional>
#include <set>
#include <utility>

#include "base/error.hpp"
#include "bench/lab/machine_lock.hpp"
#include "bench/lab/namespace_users.hpp"
#include "bench/lab/offload.hpp"
#include "bench/lab/qdisc.hpp"
#include "bench/lab/rtnetlink.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/tcp_memory_cgroup.hpp"

namespace netstall {
namespace {

constexpr std::array kSides{Side::client, Side::server};
constexpr const char* kLinkName = "netstall0";
constexpr auto kLinkPatience = std::chrono::seconds(10);
constexpr std::uint32_t kSmallestIpv6Mtu = 1280;  // RFC 8200, section 5
// Namespaces are separate, so every lab has the same ones.
constexpr PerSide<const char*> kIpv4{"10.78.0.1", "10.78.0.2"};
constexpr PerSide<const char*> kIpv6{"fd00:6e73::1", "fd00:6e73::2"};

struct NamespacePair {
  Netns client = Netns::create();
  Netns server = Netns::create();
  const Netns& operator[](Side side) const { return side == Side::client ? client : server; }
};

// Why a lab with this link has no IPv6, or nothing.
std::optional<std::string> why_no_ipv6(const LinkSpec& link, const std::filesystem::path& proc) {
  std::error_code ignored;
  if (!std::filesystem::exists(proc / "sys/net/ipv6", ignored)) return "the kernel has no IPv6";
  if (link.mtu && *link.mtu < kSmallestIpv6Mtu) {
    return fmt::format("IPv6 needs an mtu of at least {}, the link has {}", kSmallestIpv6Mtu,
                       *link.mtu);
  }
  return std::nullopt;
}

void require_possible(const LinkSpec& spec) {
  if (!spec.mtu || (*spec.mtu >= ETH_MIN_MTU && *spec.mtu <= ETH_MAX_MTU)) return;
  // The kernel's own answer is a bare EINVAL.
  throw Error(
      ErrorKind::usage, "make the link",
      fmt::format("its mtu can be {} to {} bytes, not {}", ETH_MIN_MTU, ETH_MAX_MTU, *spec.mtu));
}

// After the ends are up: a root qdisc of one's own would hide when the kernel has
// started the queues (Rtnetlink::carries). Nothing has passed yet.
void shape_link(const NamespacePair& namespaces, const LinkSpec& spec) {
  for (const auto side : kSides) {
    set_offloads(namespaces[side], kLinkName, spec.offload);
    if (const auto qdisc = root_qdisc_of(spec, side)) {
      set_root_qdisc(namespaces[side], kLinkName, *qdisc);
    }
  }
}

// The netlink sockets and interface numbers of both ends, while the link is made.
class LinkMaker {
 public:
  LinkMaker(const NamespacePair& namespaces, const LinkSpec& spec, bool ipv6)
      : ends_{Rtnetlink(namespaces.client), Rtnetlink(namespaces.server)}, ipv6_(ipv6) {
    const VethEnd end{kLinkName, spec.mtu, spec.txqueuelen};
    ends_.client.add_veth(end, end, namespaces.server);
    for (const auto side : kSides) index_[side] = ends_[side].index_of(kLinkName);
  }

  // Returns when both ends carry what is sent.
  void bring_up() {
    for (const auto side : kSides) {
      ends_[side].set_up(ends_[side].index_of("lo"));
      if (ipv6_) ends_[side].forbid_link_local(index_[side]);
      ends_[side].set_up(index_[side]);
    }
    for (const auto side : kSides) {
      await("bring the link up", [&] { return ends_[side].carries(index_[side]); });
    }
  }

  // Returns when both sides receive what is sent to them.
  void add_addresses() {
    for (const auto side : kSides) {
      const auto peer = ends_[other(side)].hardware_address(index_[other(side)]);
      add_address(side, kIpv4, 24, peer);
      if (ipv6_) add_address(side, kIpv6, 64, peer);
    }
    for (const auto side : kSides) {
      if (!ipv6_) continue;
      await("use IPv6 on the link", [&] { return ends_[side].receives(kIpv6[side]); });
    }
  }

 private:
  void add_address(Side side, const PerSide<const char*>& addresses, std::uint8_t prefix,
                   std::string_view peer) {
    ends_[side].add_address(index_[side], addresses[side], prefix);
    ends_[side].add_neighbour(index_[side], addresses[other(side)], peer);
  }

  // The kernel finishes both in workers of its own, and a SYN that comes too early
  // is lost: it would be sent again after a second.
  template <class Condition>
  static void await(std::string_view operation, Condition condition) {
    for (const Deadline deadline(kLinkPatience); !condition(); ::poll(nullptr, 0, 1)) {
      if (deadline.passed()) {
        throw Error(ErrorKind::failed, operation, "it carries nothing after 10 s");
      }
    }
  }

  PerSide<Rtnetlink> ends_;
  PerSide<int> index_;
  bool ipv6_;
};

}  // namespace

// In the order of making; undone in reverse.
struct Lab::Parts {
  Parts(Guardian& its_guardian, LabOptions its_options)
      : guardian(its_guardian), options(std::move(its_options)) {}

  void step(std::string_view name) const {
    if (options.hook) options.hook(name);
  }
  void make(const LabSpec& spec, const SysctlSpec& sysctls);
  void limit_memory(const LabSpec& spec);
  std::vector<std::string> unmake();
  void release_namespaces(std::vector<std::string>& sentences) const;
  void end_sockets(Side side, std::vector<std::string>& sentences) const;

  void set_side_sysctls(const SysctlTree& tree, const SysctlSpec& sysctls, Side side);
  void override_host(const SysctlMap& values, std::vector<SysctlOverride>& overrides);
  std::vector<std::string> undo(std::vector<SysctlOverride>& overrides) const;
  void hold_for_window(Nanoseconds longest) const;
  Rtnetlink& netlink(Side side);

  Guardian& guardian;
  LabOptions options;
  LinkSpec link;
  SysctlMap window_sysctls;
  std::set<std::string> optional_sysctls;
  std::map<std::string, std::string> left_out;
  std::optional<HostSysctlTurn> turn;
  std::optional<NamespacePair> namespaces;
  std::optional<std::string> no_ipv6;
  PerSide<std::optional<TcpMemoryCgroup>> cgroups;
  PerSide<std::optional<Rtnetlink>> netlinks;
  std::vector<SysctlOverride> host;
  std::vector<SysctlOverride> window;
};

void Lab::Parts::make(const LabSpec& spec, const SysctlSpec& sysctls) {
  const SysctlTree tree{options.proc / "sys"};
  const bool changes_host = !sysctls.host.empty() || !sysctls.window.empty();
  const auto mode = changes_host ? LockMode::exclusive : LockMode::shared;
  require_possible(spec.link);
  link = spec.link;
  window_sysctls = sysctls.window;
  optional_sysctls = sysctls.optional;
  turn.emplace(guardian.root(), guardian.journal().path(), mode, Deadline(options.turn_patience),
               options.interrupted);
  step("host_turn_taken");
  namespaces.emplace();
  step("namespaces_made");
  no_ipv6 = why_no_ipv6(spec.link, options.proc);
  LinkMaker maker(*namespaces, spec.link, !no_ipv6);
  step("link_made");
  maker.bring_up();
  step("link_up");
  shape_link(*namespaces, spec.link);
  step("link_shaped");
  maker.add_addresses();
  step("addresses_set");
  limit_memory(spec);
  if (!sysctls.host.empty()) guardian.hold(options.longest_hold);
  override_host(sysctls.host, host);
  // After the host's, which can allow what namespaces may have.
  for (const auto side : kSides) set_side_sysctls(tree, sysctls, side);
  step("side_sysctls_set");
  step("lab_up");
}

void Lab::Parts::set_side_sysctls(const SysctlTree& tree, const SysctlSpec& sysctls, Side side) {
  auto values = sysctls.side[side];
  for (const auto& key : sysctls.optional) {
    const auto at = values.find(key);
    if (at == values.end()) continue;
    try {
      write_side_sysctls(tree, (*namespaces)[side], side, {*at});
    } catch (const Error& error) {
      left_out.emplace(fmt::format("{} {}", name_of(side), key), error.what());
    }
    values.erase(at);
  }
  write_side_sysctls(tree, (*namespaces)[side], side, values);
}

void Lab::Parts::override_host(const SysctlMap& values, std::vector<SysctlOverride>& overrides) {
  const SysctlTree tree{options.proc / "sys"};
  overrides.reserve(values.size());
  for (const auto& [key, value] : values) {
    try {
      overrides.emplace_back(tree, key, value, guardian.journal(), options.hook);
    } catch (const Error& error) {
      if (!optional_sysctls.contains(key)) throw;
      left_out.emplace(fmt::format("host {}", key), error.what());
    }
  }
}

// Last first.
std::vector<std::string> Lab::Parts::undo(std::vector<SysctlOverride>& overrides) const {
  std::vector<std::string> sentences;
  for (; !overrides.empty(); overrides.pop_back()) {
    auto result = overrides.back().restore();
    if (result.sentence) sentences.push_back(std::move(*result.sentence));
    step("host_sysctl_restored");
  }
  return sentences;
}

// Where the host is changed while the lab stands, the time of that is the longer one.
void Lab::Parts::hold_for_window(Nanoseconds longest) const {
  if (host.empty() && !window_sysctls.empty()) guardian.hold(longest);
}

Rtnetlink& Lab::Parts::netlink(Side side) {
  if (!netlinks[side]) netlinks[side].emplace((*namespaces)[side]);
  return *netlinks[side];
}

void Lab::Parts::limit_memory(const LabSpec& spec) {
  for (const auto side : kSides) {
    if (!spec.tcp_memory_limit[side]) continue;
    const auto parent = find_memory_cgroup(options.proc);
    if (!parent.folder) {
      throw Error(ErrorKind::incapable,
                  fmt::format("limit the TCP memory of the {}", name_of(side)),
                  *why_no_memory_limit(options.proc));
    }
    const auto name = fmt::format("{}{}-{}", kCgroupPrefix, guardian.run_id(), name_of(side));
    cgroups[side].emplace(*parent.folder, name, *spec.tcp_memory_limit[side], guardian.journal(),
                          options.hook);
  }
}

// Nothing may be in a namespace that is to be gone: a process is said, and TCP
// sockets that outlived theirs are ended rather than waited for.
void Lab::Parts::release_namespaces(std::vector<std::string>& sentences) const {
  const std::array both{&namespaces->client, &namespaces->server};
  for (const auto& [index, process] : processes_in(both)) {
    sentences.push_back(
        fmt::format("process {} is still in the {}'s namespace", process, name_of(kSides[index])));
  }
  for (const auto side : kSides) end_sockets(side, sentences);
}

void Lab::Parts::end_sockets(Side side, std::vector<std::string>& sentences) const {
  const auto& netns = (*namespaces)[side];
  if (tcp_sockets_in(netns) != 0) destroy_tcp_sockets(netns);
  const Deadline deadline(options.patience);
  while (tcp_sockets_in(netns) != 0 && !deadline.passed()) ::poll(nullptr, 0, 1);
  if (const auto left = tcp_sockets_in(netns)) {
    sentences.push_back(
        fmt::format("{} TCP sockets still hold the {}'s namespace", left, name_of(side)));
  }
}

std::vector<std::string> Lab::Parts::unmake() {
  std::vector<std::string> sentences;
  const auto note = [&](UndoResult result) {
    if (result.sentence) sentences.push_back(std::move(*result.sentence));
  };
  step("lab_unwinding");
  for (auto& sentence : undo(window)) sentences.push_back(std::move(sentence));
  if (namespaces) {
    try {
      release_namespaces(sentences);
    } catch (const Error& error) {
      sentences.emplace_back(error.what());
    }
  }
  step("sockets_gone");
  for (auto& sentence : undo(host)) sentences.push_back(std::move(sentence));
  try {
    guardian.hold(Nanoseconds(0));
  } catch (const Error&) {
    // That it is gone is said at the end.
  }
  for (const auto side : {Side::server, Side::client}) {
    if (cgroups[side]) note(cgroups[side]->remove(Deadline(options.patience)));
    cgroups[side].reset();
  }
  step("cgroups_removed");
  netlinks = {};
  namespaces.reset();
  step("namespaces_released");
  turn.reset();
  step("lab_down");
  return sentences;
}

Lab::Lab(const LabSpec& spec, const SysctlSpec& sysctls, Guardian& guardian, LabOptions options)
    : parts_(std::make_unique<Parts>(guardian, std::move(options))) {
  try {
    parts_->make(spec, sysctls);
  } catch (const Error& error) {
    const auto left = tear_down();
    if (left.empty()) throw;
    throw Error(error.kind(), error.what(), fmt::format("and then: {}", fmt::join(left, "; ")),
                error.remedy());
  } catch (...) {
    tear_down();
    throw;
  }
}

Lab::~Lab() {
  tear_down();
}

const Netns& Lab::netns(Side side) const {
  return (*parts_->namespaces)[side];
}

std::string Lab::address(Side side, Family family) const {
  if (family == Family::ipv4) return kIpv4[side];
  if (parts_->no_ipv6) {
    throw Error(ErrorKind::incapable, "use IPv6 in the lab", *parts_->no_ipv6);
  }
  return kIpv6[side];
}

std::vector<std::string> Lab::cgroup_procs(Side side) const {
  const auto& cgroup = parts_->cgroups[side];
  if (!cgroup) return {};
  return {(cgroup->path() / "cgroup.procs").string()};
}

std::map<std::string, std::string> Lab::memory_limit() const {
  std::map<std::string, std::string> limits;
  for (const auto side : kSides) {
    const auto& cgroup = parts_->cgroups[side];
    if (!cgroup) continue;
    limits.emplace(name_of(side),
                   fmt::format("cgroup v1 kmem.tcp, {} bytes", cgroup->limit().count));
  }
  return limits;
}

std::map<std::string, std::string> Lab::qdisc() const {
  std::map<std::string, std::string> qdiscs;
  for (const auto side : kSides) {
    if (auto qdisc = root_qdisc_of(parts_->link, side)) {
      qdiscs.emplace(name_of(side), std::move(*qdisc));
    }
  }
  return qdiscs;
}

std::map<std::string, std::string> Lab::sysctl_left_out() const {
  return parts_->left_out;
}

std::map<std::string, std::int64_t> Lab::link_counters(Side side) {
  auto& netlink = parts_->netlink(side);
  return netlink.counters(netlink.index_of(kLinkName));
}

void Lab::open_window() {
  parts_->hold_for_window(parts_->options.longest_window);
  parts_->override_host(parts_->window_sysctls, parts_->window);
  parts_->step("window_opened");
}

std::vector<std::string> Lab::close_window() {
  auto sentences = parts_->undo(parts_->window);
  parts_->hold_for_window(Nanoseconds(0));
  parts_->step("window_closed");
  return sentences;
}

std::vector<std::string> Lab::tear_down() noexcept {
  if (!parts_) return {};
  const auto parts = std::move(parts_);
  return parts->unmake();
}

}  // namespace netstall
