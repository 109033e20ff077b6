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
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/device.hpp"
#include "bench/lab/device_reader.hpp"
#include "bench/lab/lab_link.hpp"
#include "bench/lab/machine_lock.hpp"
#include "bench/lab/memory_cgroup.hpp"
#include "bench/lab/namespace_users.hpp"
#include "bench/lab/offload.hpp"
#include "bench/lab/qdisc.hpp"
#include "bench/lab/receive_steering.hpp"
#include "bench/lab/rtnetlink.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/tcp_mem.hpp"

namespace netstall {
namespace {

constexpr std::array kSides{Side::client, Side::server};
constexpr std::uint32_t kSmallestIpv6Mtu = 1280;  // RFC 8200, section 5

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
void shape_link(const LabNamespaces& namespaces, const PerSide<std::string>& names,
                const LabSpec& spec) {
  for (const auto end : namespaces.ends()) {
    const auto& netns = namespaces.of(end);
    const auto& name = names[end.side];
    set_offloads(netns, name, spec.link.offload);
    if (const auto qdisc = root_qdisc_of(spec.link, end.side)) set_root_qdisc(netns, name, *qdisc);
    const auto& softirq_cpus = spec.placement[end.side].softirq_cpus;
    const auto cpus = softirq_cpus ? cpu_list_of(*softirq_cpus) : std::nullopt;
    if (cpus) steer_receiving(netns, name, *cpus);
  }
}

}  // namespace

// In the order of making; undone in reverse.
struct Lab::Parts {
  Parts(Guardian& its_guardian, LabOptions its_options)
      : guardian(its_guardian), options(std::move(its_options)) {}

  void step(std::string_view name) const {
    if (options.hook) options.hook(name);
  }
  void make(const LabSpec& spec, const SysctlSpec& sysctls);
  void take_devices(const PerSide<std::string>& names);
  void limit_memory(const LabSpec& spec);
  std::vector<std::string> unmake();
  void return_devices(std::vector<std::string>& sentences);
  void release_namespaces(std::vector<std::string>& sentences) const;
  void end_sockets(LabEnd end, std::vector<std::string>& sentences) const;

  void set_side_sysctls(const SysctlTree& tree, const SysctlSpec& sysctls, LabEnd end);
  void override_host(const SysctlMap& values, std::vector<SysctlOverride>& overrides);
  std::vector<std::string> undo(std::vector<SysctlOverride>& overrides) const;
  void hold_for_window(Nanoseconds longest) const;
  std::vector<Rtnetlink>& netlinks_of(Side side);

  Guardian& guardian;
  LabOptions options;
  LinkSpec link;
  SysctlMap window_sysctls;
  std::set<std::string> optional_sysctls;
  std::map<std::string, std::string> left_out;
  std::optional<HostSysctlTurn> turn;
  std::optional<LabNamespaces> namespaces;
  PerSide<std::string> ends{kLinkName, kLinkName};  // of the link, each in its side's namespaces
  PerSide<std::optional<MovedDevice>> devices;
  PerSide<std::optional<DeviceReader>> device_readers;
  std::optional<std::string> no_ipv6;
  PerSide<std::optional<MemoryCgroup>> cgroups;
  PerSide<std::vector<Rtnetlink>> netlinks;
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
               Waiting{options.interrupted, options.warn});
  step("host_turn_taken");
  namespaces.emplace(spec.clients);
  step("namespaces_made");
  no_ipv6 = why_no_ipv6(spec.link, options.proc);
  if (spec.devices) take_devices(*spec.devices);
  LinkMaker maker(*namespaces, spec.link, spec.devices, !no_ipv6);
  step("link_made");
  maker.bring_up();
  step("link_up");
  if (!spec.devices && spec.clients == 1) {  // on a bridge the other end of each is a port of it
    for (const auto side : kSides) {
      device_readers[side] = DeviceReader::of_veth(ends[side], namespaces->of({side}));
    }
  }
  shape_link(*namespaces, ends, spec);
  step("link_shaped");
  maker.add_addresses();
  step("addresses_set");
  limit_memory(spec);
  if (!sysctls.host.empty()) guardian.hold(options.longest_hold);
  override_host(sysctls.host, host);
  // After the host's, which can allow what namespaces may have.
  for (const auto end : namespaces->ends()) set_side_sysctls(tree, sysctls, end);
  step("side_sysctls_set");
  step("lab_up");
}

void Lab::Parts::take_devices(const PerSide<std::string>& names) {
  for (const auto side : kSides) {
    if (const auto why = why_not_device(names[side])) {
      throw Error(ErrorKind::incapable, "take a port of the machine", *why);
    }
  }
  // Before anything is in them that would be lost with this process.
  const std::array both{&namespaces->of({Side::client}), &namespaces->of({Side::server})};
  guardian.keep(both);
  ends = names;
  for (const auto side : kSides) {
    const auto& netns = namespaces->of({side});
    device_readers[side].emplace(names[side], netns);
    devices[side].emplace(names[side], netns, guardian.journal(), options.hook);
  }
}

void Lab::Parts::return_devices(std::vector<std::string>& sentences) {
  device_readers = {};
  if (!devices.client && !devices.server) return;
  bool all_back = true;
  for (const auto side : {Side::server, Side::client}) {
    if (!devices[side]) continue;
    auto result = devices[side]->put_back(Deadline(options.patience));
    all_back = all_back && !result.sentence;
    if (result.sentence) sentences.push_back(std::move(*result.sentence));
    devices[side].reset();
  }
  // What is not back it will try again, for which it needs the namespaces.
  try {
    if (all_back) guardian.keep({});
  } catch (const Error&) {
    // That it is gone is said at the end.
  }
  step("devices_returned");
}

void Lab::Parts::set_side_sysctls(const SysctlTree& tree, const SysctlSpec& sysctls, LabEnd end) {
  const auto side = end.side;
  const auto& netns = namespaces->of(end);
  auto values = sysctls.side[side];
  for (const auto& key : sysctls.optional) {
    const auto at = values.find(key);
    if (at == values.end()) continue;
    try {
      write_side_sysctls(tree, netns, side, {*at});
    } catch (const Error& error) {
      left_out.emplace(fmt::format("{} {}", name_of(side), key), error.what());
    }
    values.erase(at);
  }
  write_side_sysctls(tree, netns, side, values);
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

std::vector<Rtnetlink>& Lab::Parts::netlinks_of(Side side) {
  auto& all = netlinks[side];
  if (!all.empty()) return all;
  for (const auto end : namespaces->ends()) {
    if (end.side == side) all.emplace_back(namespaces->of(end));
  }
  return all;
}

void Lab::Parts::limit_memory(const LabSpec& spec) {
  for (const auto side : kSides) {
    const auto& of_tcp = spec.tcp_memory_limit[side];
    const auto bounds = of_tcp ? bounds_of(*of_tcp) : bounds_of(spec.memory_limit[side]);
    if (bounds.empty()) continue;
    const auto place =
        of_tcp ? find_tcp_memory_place(options.proc) : find_memory_place(options.proc);
    if (!place.folder) {
      const auto why =
          of_tcp ? why_no_tcp_memory_limit(options.proc) : why_no_memory_limit(options.proc);
      throw Error(ErrorKind::incapable,
                  fmt::format("limit the {}memory of the {}", of_tcp ? "TCP " : "", name_of(side)),
                  *why);
    }
    const auto name = fmt::format("{}{}-{}", kCgroupPrefix, guardian.run_id(), name_of(side));
    cgroups[side].emplace(*place.folder, name, bounds, guardian.journal(), options.hook);
  }
}

// Nothing may be in a namespace that is to be gone: a process is said, and TCP
// sockets that outlived theirs are ended rather than waited for.
void Lab::Parts::release_namespaces(std::vector<std::string>& sentences) const {
  std::vector<const Netns*> all;
  std::vector<std::string> names;
  for (const auto end : namespaces->ends()) {
    all.push_back(&namespaces->of(end));
    names.push_back(name_of_end(end, namespaces->clients()));
  }
  if (const auto* bridge = namespaces->bridge()) {
    all.push_back(bridge);
    names.emplace_back("bridge");
  }
  for (const auto& [index, process] : processes_in(all)) {
    sentences.push_back(
        fmt::format("process {} is still in the {}'s namespace", process, names[index]));
  }
  for (const auto end : namespaces->ends()) end_sockets(end, sentences);
}

void Lab::Parts::end_sockets(LabEnd end, std::vector<std::string>& sentences) const {
  const auto& netns = namespaces->of(end);
  if (tcp_sockets_in(netns) != 0) destroy_tcp_sockets(netns);
  const Deadline deadline(options.patience);
  while (tcp_sockets_in(netns) != 0 && !deadline.passed()) ::poll(nullptr, 0, 1);
  if (const auto left = tcp_sockets_in(netns)) {
    sentences.push_back(fmt::format("{} TCP sockets still hold the {}'s namespace", left,
                                    name_of_end(end, namespaces->clients())));
  }
}

std::vector<std::string> Lab::Parts::unmake() {
  std::vector<std::string> sentences;
  const auto note = [&](UndoResult result) {
    if (result.sentence) sentences.push_back(std::move(*result.sentence));
  };
  step("lab_unwinding");
  for (auto& sentence : undo(window)) sentences.push_back(std::move(sentence));
  // A machine short of TCP memory is not left so while sockets are waited for.
  for (auto& setting : host) {
    if (lowers_tcp_mem(setting.entry())) note(setting.restore());
  }
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
  return_devices(sentences);
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

std::uint32_t Lab::clients() const {
  return parts_->namespaces->clients();
}

const Netns& Lab::netns(Side side, std::uint32_t client) const {
  return parts_->namespaces->of({side, client});
}

const Netns* Lab::bridge() const {
  return parts_->namespaces->bridge();
}

std::string Lab::address(Side side, Family family, std::uint32_t client) const {
  if (family == Family::ipv6 && parts_->no_ipv6) {
    throw Error(ErrorKind::incapable, "use IPv6 in the lab", *parts_->no_ipv6);
  }
  return lab_address({side, client}, family);
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
    if (cgroup) limits.emplace(name_of(side), cgroup->description());
  }
  return limits;
}

MemoryReading Lab::memory(Side side) const {
  const auto& cgroup = parts_->cgroups[side];
  return cgroup ? cgroup->read() : MemoryReading{};
}

std::string Lab::oom_kills() const {
  std::string text;
  for (const auto side : kSides) {
    const auto events = memory(side).events;
    const auto kills = events.find("memory_cgroup.oom_kill");
    if (kills == events.end() || kills->second == 0) continue;
    text += fmt::format("{}the kernel ended {} of the {}'s processes for want of memory ({})",
                        text.empty() ? "" : ", ", kills->second, name_of(side),
                        parts_->cgroups[side]->description());
  }
  return text;
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
  std::map<std::string, std::int64_t> sum;
  for (auto& netlink : parts_->netlinks_of(side)) {
    const auto index = netlink.index_of(parts_->ends[side]);
    for (const auto& [name, value] : netlink.counters(index)) sum[name] += value;
  }
  return sum;
}

std::map<std::string, DeviceFacts> Lab::devices() {
  std::map<std::string, DeviceFacts> facts;
  for (const auto side : kSides) {
    auto& reader = parts_->device_readers[side];
    if (reader) facts.emplace(name_of(side), reader->read());
  }
  take_drops_of_rings(facts);
  return facts;
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
