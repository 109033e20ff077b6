#include "bench/lab/device.hpp"

#include <fmt/format.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/netns.hpp"
#include "bench/lab/offload.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr std::uint8_t kTcpEstablished = 1;
constexpr const char* kNetSysctls = "/proc/sys/net";
constexpr auto kReturnWithin = std::chrono::seconds(5);

std::string hex_of(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

std::optional<std::string> bytes_of_hex(std::string_view hex) {
  std::string bytes;
  for (; hex.size() >= 2; hex.remove_prefix(2)) {
    unsigned byte = 0;
    if (std::from_chars(hex.data(), hex.data() + 2, byte, 16).ptr != hex.data() + 2) {
      return std::nullopt;
    }
    bytes.push_back(static_cast<char>(byte));
  }
  if (!hex.empty()) return std::nullopt;
  return bytes;
}

// The established connections of the calling thread's namespace that have an address here.
bool carries_a_connection(const std::vector<std::string>& addresses) {
  NetlinkSocket diag(Netns::current(), NETLINK_SOCK_DIAG);
  for (const auto family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 wanted{};
    wanted.sdiag_family = static_cast<std::uint8_t>(family);
    wanted.sdiag_protocol = IPPROTO_TCP;
    wanted.idiag_states = 1U << kTcpEstablished;
    const NetlinkMessage dump(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, wanted);
    for (const auto& reply : diag.transact(dump, "list the connections of the machine")) {
      const auto socket = reply.header<inet_diag_msg>();
      const std::string_view source(reinterpret_cast<const char*>(socket.id.idiag_src),
                                    sizeof socket.id.idiag_src);
      // ::ffff:a.b.c.d of a socket of both families is that IPv4 address.
      const bool mapped =
          family == AF_INET6 &&
          source.substr(0, 12) == std::string_view("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
      const auto address = family == AF_INET ? source.substr(0, 4)
                           : mapped          ? source.substr(12)
                                             : source;
      if (std::find(addresses.begin(), addresses.end(), address) != addresses.end()) return true;
    }
  }
  return false;
}

std::optional<std::string> why_stacked(const std::vector<LinkFacts>& links,
                                       const LinkFacts& device) {
  if (device.master != 0) return "it is part of a bridge, bond or team";
  for (const auto& other : links) {
    // The other end of a veth pair is named so, too.
    const bool on_top =
        other.lower == device.index && other.index != device.index && other.kind != "veth";
    if (on_top) return fmt::format("{} stands on it, and would be gone with it", other.name);
  }
  return std::nullopt;
}

// Of a new namespace a device gets sysctls of its own anew. What cannot be read is no
// setting, and the mtu has its own place.
std::map<std::string, std::string> read_device_sysctls(const Netns& netns,
                                                       const std::string& name) {
  const ScopedNetns inside(netns);
  std::map<std::string, std::string> values;
  for (const char* table : {"ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh"}) {
    const auto folder = fmt::format("{}/{}", table, name);
    std::error_code error;
    for (fs::directory_iterator entry(fs::path(kNetSysctls) / folder, error), end;
         !error && entry != end; entry.increment(error)) {
      const auto file = entry->path().filename().string();
      const auto text = try_read_file(entry->path());
      if (text && file != "mtu") values.emplace(fmt::format("{}/{}", folder, file), trimmed(*text));
    }
  }
  return values;
}

// Of the calling thread's namespace, where it differs. Throws Error.
void write_device_sysctl(const std::string& relative, const std::string& value) {
  const auto file = fs::path(kNetSysctls) / relative;
  const auto now = try_read_file(file);
  if (!now || trimmed(*now) == value) return;
  if (const int error = write_kernel_file(file, value)) {
    throw_errno(fmt::format("put {} back", file.string()), error);
  }
}

// Returns an Error's text for each step that failed; all others are taken.
class Restorer {
 public:
  explicit Restorer(const std::string& name) : name_(name), netlink_(Netns::current()) {}

  std::optional<std::string> restore(const DeviceState& state) {
    const int index = netlink_.index_of(name_);
    attempt([&] { netlink_.set_sizes(index, state.mtu, state.txqueuelen); });
    attempt([&] { restore_offloads(Netns::current(), name_, state.offload); });
    for (const auto& [file, value] : state.sysctls) {
      attempt([&file = file, &value = value] { write_device_sysctl(file, value); });
    }
    if (state.ipv6_address_mode) {
      attempt([&] { netlink_.set_ipv6_address_mode(index, *state.ipv6_address_mode); });
    }
    attempt([&] { state.up ? netlink_.set_up(index) : netlink_.set_down(index); });
    for (const auto& address : state.addresses) {
      attempt([&] { netlink_.restore_address(index, address); });
    }
    restore_routes(index, state.routes);
    if (!failed_.empty()) return failed_;
    return difference(state);
  }

 private:
  // A gateway may be reached by another of them: as long as any comes back.
  void restore_routes(int index, std::vector<std::string> left) {
    const auto failed_before = failed_;
    for (std::size_t before = left.size() + 1; !left.empty() && left.size() < before;) {
      before = left.size();
      failed_ = failed_before;
      std::erase_if(left, [&](const auto& route) {
        return attempt([&] { netlink_.restore_route(index, route); });
      });
    }
  }

  // Whether it did not fail.
  template <class Step>
  bool attempt(const Step& step) {
    try {
      step();
      return true;
    } catch (const Error& error) {
      failed_ += fmt::format("{}{}", failed_.empty() ? "" : "; ", error.what());
      return false;
    }
  }

  std::optional<std::string> difference(const DeviceState& state) const {
    const auto now = read_device(Netns::current(), name_);
    if (now.mtu != state.mtu) return fmt::format("its mtu is {}, not {}", now.mtu, state.mtu);
    if (now.txqueuelen != state.txqueuelen) {
      return fmt::format("its txqueuelen is {}, not {}", now.txqueuelen, state.txqueuelen);
    }
    if (now.up != state.up) return fmt::format("it is {}", now.up ? "up" : "down");
    if (now.offload != state.offload) return "an offload is not as it was";
    for (const auto& [file, value] : state.sysctls) {
      const auto found = now.sysctls.find(file);
      if (found == now.sysctls.end() || found->second != value) {
        return fmt::format("{} is not as it was", (fs::path(kNetSysctls) / file).string());
      }
    }
    if (now.addresses.size() != state.addresses.size()) {
      return fmt::format("it has {} addresses, not {}", now.addresses.size(),
                         state.addresses.size());
    }
    if (now.routes.size() != state.routes.size()) {
      return fmt::format("it has {} routes, not {}", now.routes.size(), state.routes.size());
    }
    return std::nullopt;
  }

  std::string name_;
  Rtnetlink netlink_;
  std::string failed_;
};

bool is_here(const Netns& netns, const DeviceEntry& entry, const std::string& hardware_address) {
  Rtnetlink netlink(netns);
  const auto links = netlink.links();
  return std::any_of(links.begin(), links.end(), [&](const LinkFacts& link) {
    return link.name == entry.name && link.hardware_address == hardware_address;
  });
}

// Returns whether the device is in the calling thread's namespace at last.
bool bring_here(const DeviceEntry& entry, const std::string& hardware_address,
                std::span<const Netns> namespaces, const Deadline& deadline) {
  const auto home = Netns::current();
  for (;;) {
    if (is_here(home, entry, hardware_address)) return true;
    for (const auto& netns : namespaces) {
      if (!is_here(netns, entry, hardware_address)) continue;
      Rtnetlink netlink(netns);
      netlink.move(netlink.index_of(entry.name), home);
      return true;
    }
    // None holds it: its namespace is about to end, and the kernel then brings it.
    if (deadline.passed()) return false;
    ::poll(nullptr, 0, 10);
  }
}

}  // namespace

std::string to_text(const DeviceState& state) {
  auto text = fmt::format("mtu {}\ntxqueuelen {}\nup {}\n", state.mtu, state.txqueuelen,
                          static_cast<int>(state.up));
  if (!state.hardware_address.empty()) {
    text += fmt::format("hardware {}\n", hex_of(state.hardware_address));
  }
  if (state.ipv6_address_mode) text += fmt::format("ipv6 {}\n", *state.ipv6_address_mode);
  const auto add = [&text](const char* name, const std::optional<bool>& value) {
    if (value) text += fmt::format("{} {}\n", name, static_cast<int>(*value));
  };
  add("tso", state.offload.tso);
  add("gso", state.offload.gso);
  add("gro", state.offload.gro);
  for (const auto& [file, value] : state.sysctls) {
    text += fmt::format("sysctl {}\n", hex_of(fmt::format("{}={}", file, value)));
  }
  for (const auto& address : state.addresses) text += fmt::format("address {}\n", hex_of(address));
  for (const auto& route : state.routes) text += fmt::format("route {}\n", hex_of(route));
  return text;
}

std::optional<DeviceState> device_state_of(std::string_view text) {
  DeviceState state;
  std::istringstream rows{std::string(text)};
  std::string name;
  std::string value;
  while (rows >> name) {
    rows >> value;
    if (name == "hardware" || name == "address" || name == "route" || name == "sysctl") {
      auto bytes = bytes_of_hex(value);
      if (!bytes) return std::nullopt;
      if (name == "sysctl") {
        const auto equals = bytes->find('=');
        if (equals == std::string::npos) return std::nullopt;
        state.sysctls.emplace(bytes->substr(0, equals), bytes->substr(equals + 1));
      }
      if (name == "hardware") state.hardware_address = std::move(*bytes);
      if (name == "address") state.addresses.push_back(std::move(*bytes));
      if (name == "route") state.routes.push_back(std::move(*bytes));
      continue;
    }
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
    if (error != std::errc{} || end != value.data() + value.size()) return std::nullopt;
    if (name == "mtu") state.mtu = number;
    if (name == "txqueuelen") state.txqueuelen = number;
    if (name == "up") state.up = number != 0;
    if (name == "ipv6") state.ipv6_address_mode = static_cast<std::uint8_t>(number);
    if (name == "tso") state.offload.tso = number != 0;
    if (name == "gso") state.offload.gso = number != 0;
    if (name == "gro") state.offload.gro = number != 0;
  }
  if (state.mtu == 0) return std::nullopt;
  return state;
}

DeviceState read_device(const Netns& netns, const std::string& name) {
  Rtnetlink netlink(netns);
  const auto link = netlink.facts(netlink.index_of(name));
  DeviceState state;
  state.hardware_address = link.hardware_address;
  state.mtu = link.mtu;
  state.txqueuelen = link.txqueuelen;
  state.up = link.up;
  state.ipv6_address_mode = link.ipv6_address_mode;
  state.addresses = netlink.own_addresses(link.index);
  state.routes = netlink.own_routes(link.index);
  state.sysctls = read_device_sysctls(netns, name);
  state.offload = read_offloads(netns, name);
  return state;
}

std::optional<std::string> why_not_device(const std::string& name) {
  const auto refuse = [&name](std::string_view why) {
    return fmt::format("The port {} cannot be taken for a lab: {}.", name, why);
  };
  Rtnetlink netlink(Netns::current());
  const auto links = netlink.links();
  const auto device = std::find_if(links.begin(), links.end(),
                                   [&](const LinkFacts& link) { return link.name == name; });
  if (device == links.end()) return refuse("there is no such device (`ip link` lists them)");
  if (device->loopback) return refuse("it is the loopback");
  if (const auto why = why_stacked(links, *device)) return refuse(*why);
  if (netlink.has_default_route(device->index)) {
    return refuse("it carries the default route, and this machine's way out would be cut");
  }
  if (netlink.has_shared_route(device->index)) {
    return refuse("it is one way of a route that has several, which would not be put back");
  }
  if (carries_a_connection(netlink.address_bytes(device->index))) {
    return refuse("it has an address of a TCP connection that is open, such as an ssh session");
  }
  return std::nullopt;
}

UndoResult return_device(const DeviceEntry& entry, std::span<const Netns> namespaces,
                         const Deadline& deadline) {
  const auto state = device_state_of(entry.state);
  if (!state)
    return {fmt::format("the undo journal tells nothing of the port {}", entry.name), false};
  try {
    const Deadline patience(std::min<Nanoseconds>(deadline.left(), kReturnWithin));
    if (!bring_here(entry, state->hardware_address, namespaces, patience)) {
      return {fmt::format("the port {} is not there any more: a virtual one, as an end of a veth "
                          "pair, is gone with the lab's namespace",
                          entry.name),
              false};
    }
    const auto why = Restorer(entry.name).restore(*state);
    if (!why) return {};
    return {fmt::format("the port {} is back, but not as it was: {}", entry.name, *why), false};
  } catch (const Error& error) {
    return {fmt::format("the port {} is not back: {}", entry.name, error.what()), true};
  }
}

MovedDevice::MovedDevice(const std::string& name, const Netns& there, UndoJournal& journal,
                         const StepHook& hook)
    : entry_{name, to_text(read_device(Netns::current(), name))},
      there_(there),
      ticket_(journal.will_move_device(entry_)) {
  journal_ = &journal;
  try {
    if (hook) hook("device_announced");
    Rtnetlink netlink(Netns::current());
    netlink.move(netlink.index_of(name), there);
    if (hook) hook("device_moved");
  } catch (...) {
    // The destructor of an object that never was does not run.
    put_back(Deadline(kReturnWithin));
    throw;
  }
}

MovedDevice::~MovedDevice() {
  put_back(Deadline(kReturnWithin));
}

UndoResult MovedDevice::put_back(const Deadline& deadline) {
  if (journal_ == nullptr) return {};
  auto* journal = std::exchange(journal_, nullptr);
  auto result = return_device(entry_, {&there_, 1}, deadline);
  if (result.sentence) return result;
  try {
    journal->undone(ticket_);
  } catch (const Error&) {
    // The guardian finds the port in its place.
  }
  return result;
}

}  // namespace netstall
