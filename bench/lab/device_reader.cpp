#include "bench/lab/device_reader.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/ethtool_netlink.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

using Numbers = std::map<std::string, std::int64_t>;

struct Attribute {
  std::uint16_t type;
  const char* name;
};

constexpr std::array<Attribute, 4> kRing{{{ETHTOOL_A_RINGS_RX, "rx"},
                                          {ETHTOOL_A_RINGS_RX_MAX, "rx_max"},
                                          {ETHTOOL_A_RINGS_TX, "tx"},
                                          {ETHTOOL_A_RINGS_TX_MAX, "tx_max"}}};
constexpr std::array<Attribute, 6> kCoalescing{
    {{ETHTOOL_A_COALESCE_RX_USECS, "rx_usecs"},
     {ETHTOOL_A_COALESCE_RX_MAX_FRAMES, "rx_frames"},
     {ETHTOOL_A_COALESCE_TX_USECS, "tx_usecs"},
     {ETHTOOL_A_COALESCE_TX_MAX_FRAMES, "tx_frames"},
     {ETHTOOL_A_COALESCE_USE_ADAPTIVE_RX, "adaptive_rx"},
     {ETHTOOL_A_COALESCE_USE_ADAPTIVE_TX, "adaptive_tx"}}};
// Drivers name their counters as they like.
constexpr std::array<std::string_view, 6> kDropWords{"drop",   "discard", "miss",
                                                     "no_buf", "nobuf",   "fifo"};

// Where the interrupts of a device are listed; of a virtio one by the PCI device above it.
fs::path interrupts_of(const std::string& name) {
  std::error_code error;
  const auto device = fs::canonical(fmt::format("/sys/class/net/{}/device", name), error);
  if (error) return {};
  for (const auto& folder : {device / "msi_irqs", device.parent_path() / "msi_irqs"}) {
    if (fs::is_directory(folder, error)) return folder;
  }
  return {};
}

// Number of an interrupt → the CPUs that take it.
std::optional<std::map<std::string, std::string>> cpus_of_interrupts(const fs::path& folder) {
  if (folder.empty()) return std::nullopt;
  std::map<std::string, std::string> cpus;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const auto number = entry->path().filename().string();
    for (const char* file : {"effective_affinity_list", "smp_affinity_list"}) {
      const auto list = try_read_file(fs::path("/proc/irq") / number / file);
      if (!list || trimmed(*list).empty()) continue;
      cpus.emplace(number, trimmed(*list));
      break;
    }
  }
  if (cpus.empty()) return std::nullopt;
  return cpus;
}

std::uint16_t ethtool_family(NetlinkSocket& generic) {
  NetlinkMessage message(GENL_ID_CTRL, 0, genlmsghdr{CTRL_CMD_GETFAMILY, 1, 0});
  message.name(CTRL_ATTR_FAMILY_NAME, ETHTOOL_GENL_NAME);
  const auto replies = generic.transact(std::move(message), "find ethtool's netlink");
  if (replies.empty()) return 0;
  return value_of<std::uint16_t>(
      attribute_of(replies.front().payload, sizeof(genlmsghdr), CTRL_ATTR_FAMILY_ID));
}

// Netlink and not the older ioctl: that has 0 for what a driver does not have.
template <std::size_t N>
std::optional<Numbers> ask(NetlinkSocket& generic, const std::string& device, std::uint8_t command,
                           const std::array<Attribute, N>& attributes) {
  Numbers numbers;
  try {
    NetlinkMessage header;
    header.name(ETHTOOL_A_HEADER_DEV_NAME, device);
    NetlinkMessage message(ethtool_family(generic), 0, genlmsghdr{command, 1, 0});
    // The request's header has the same number in all of them.
    message.attribute(ETHTOOL_A_RINGS_HEADER | NLA_F_NESTED, header);
    for (const auto& reply : generic.transact(std::move(message), "ask ethtool")) {
      for (const auto& attribute : attributes) {
        const auto bytes = attribute_of(reply.payload, sizeof(genlmsghdr), attribute.type);
        if (!bytes.empty()) numbers.emplace(attribute.name, value_of<std::uint32_t>(bytes));
      }
    }
  } catch (const Error&) {
    // The driver has none of it, or the kernel no such interface.
  }
  if (numbers.empty()) return std::nullopt;
  return numbers;
}

static_assert(static_cast<int>(ETHTOOL_A_RINGS_HEADER) ==
              static_cast<int>(ETHTOOL_A_COALESCE_HEADER));

bool tells_of_drops(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::any_of(kDropWords.begin(), kDropWords.end(), [&name](std::string_view word) {
    return name.find(word) != std::string::npos;
  });
}

// All that the driver itself counts. The kernel writes as many as it had said; a driver may
// have more a moment later, so there is room for those.
std::optional<Numbers> driver_counters(Ethtool& ethtool, std::uint32_t count) {
  if (count == 0) return std::nullopt;
  const std::size_t room = std::size_t{count} * 2 + 64;
  std::vector<std::uint64_t> names((sizeof(ethtool_gstrings) + room * ETH_GSTRING_LEN) / 8 + 1);
  auto* strings = reinterpret_cast<ethtool_gstrings*>(names.data());
  strings->cmd = ETHTOOL_GSTRINGS;
  strings->string_set = ETH_SS_STATS;
  strings->len = count;
  std::vector<std::uint64_t> values(sizeof(ethtool_stats) / 8 + 1 + room);
  auto* stats = reinterpret_cast<ethtool_stats*>(values.data());
  stats->cmd = ETHTOOL_GSTATS;
  stats->n_stats = count;
  if (ethtool.ask(strings) != 0 || ethtool.ask(stats) != 0) return std::nullopt;
  Numbers counters;
  for (std::size_t i = 0; i < std::min({strings->len, stats->n_stats, count}); ++i) {
    const auto* text = reinterpret_cast<const char*>(strings->data + i * ETH_GSTRING_LEN);
    counters[std::string(text, ::strnlen(text, ETH_GSTRING_LEN))] =
        static_cast<std::int64_t>(stats->data[i]);
  }
  return counters;
}

std::optional<Numbers> driver_drops(std::optional<Numbers> counters) {
  if (!counters) return std::nullopt;
  std::erase_if(*counters, [](const auto& counter) { return !tells_of_drops(counter.first); });
  if (counters->empty()) return std::nullopt;
  return counters;
}

// veth_xdp_rcv(), which NAPI calls with or without XDP, counts "rx_queue_0_xdp_packets".
std::optional<std::int64_t> polled_by_napi(const std::optional<Numbers>& counters) {
  if (!counters) return std::nullopt;
  std::optional<std::int64_t> polled;
  for (const auto& [name, count] : *counters) {
    if (!name.starts_with("rx_queue_") || !name.ends_with("_xdp_packets")) continue;
    polled = polled.value_or(0) + count;
  }
  return polled;
}

// Since Linux 5.13 a veth with GRO has NAPI (veth_set_features()).
NapiFacts veth_napi(Ethtool& ethtool, const std::optional<Numbers>& counters) {
  ethtool_value gro{ETHTOOL_GGRO, 0};
  const bool enabled = ethtool.ask(&gro) == 0 && gro.data != 0;
  return {enabled, polled_by_napi(counters), std::nullopt};
}

std::optional<std::uint64_t> speed(Ethtool& ethtool) {
  ethtool_cmd settings{};
  settings.cmd = ETHTOOL_GSET;
  if (ethtool.ask(&settings) != 0) return std::nullopt;
  const auto megabits = ethtool_cmd_speed(&settings);
  if (megabits == 0 || megabits == static_cast<std::uint32_t>(SPEED_UNKNOWN)) return std::nullopt;
  return std::uint64_t{megabits} * 1'000'000;
}

void subtract(std::optional<std::int64_t>& later, std::optional<std::int64_t> earlier) {
  if (later && earlier && *later >= *earlier) {
    *later -= *earlier;
  } else {
    later.reset();
  }
}

void subtract(Numbers& later, const Numbers& earlier) {
  // Of one that was not there before, or began anew, nobody knows.
  for (auto counter = later.begin(); counter != later.end();) {
    const auto before = earlier.find(counter->first);
    if (before == earlier.end() || counter->second < before->second) {
      counter = later.erase(counter);
    } else {
      counter->second -= before->second;
      ++counter;
    }
  }
}

}  // namespace

DeviceReader::DeviceReader(const std::string& name, const Netns& there)
    : DeviceReader(name, there, interrupts_of(name)) {}

DeviceReader DeviceReader::of_veth(const std::string& name, const Netns& there) {
  return {name, there, {}};
}

DeviceReader::DeviceReader(const std::string& name, const Netns& there, fs::path interrupts)
    : name_(name),
      interrupts_(std::move(interrupts)),
      links_(there),
      generic_(there, NETLINK_GENERIC),
      ethtool_(there, name) {}

DeviceFacts DeviceReader::read() {
  DeviceFacts facts;
  const int index = links_.index_of(name_);
  facts.name = name_;
  facts.mtu = links_.facts(index).mtu;
  facts.drops = links_.drops(index);
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  if (ethtool_.ask(&driver) == 0) {
    facts.driver = std::string(driver.driver, ::strnlen(driver.driver, sizeof driver.driver));
    auto counters = driver_counters(ethtool_, driver.n_stats);
    if (facts.driver == "veth") facts.napi = veth_napi(ethtool_, counters);
    facts.driver_drops = driver_drops(std::move(counters));
  }
  facts.speed_bits_per_s = speed(ethtool_);
  facts.ring = ask(generic_, name_, ETHTOOL_MSG_RINGS_GET, kRing);
  facts.coalescing = ask(generic_, name_, ETHTOOL_MSG_COALESCE_GET, kCoalescing);
  facts.interrupts = cpus_of_interrupts(interrupts_);
  return facts;
}

void take_drops_of_rings(std::map<std::string, DeviceFacts>& both_ends) {
  for (auto& [side, facts] : both_ends) {
    for (const auto& [other_side, other] : both_ends) {
      if (other_side == side || !facts.napi || !facts.napi->enabled) continue;
      const auto dropped = other.drops.find("tx_dropped");
      if (dropped != other.drops.end()) facts.napi->dropped = dropped->second;
    }
  }
}

std::map<std::string, DeviceFacts> over_window(const std::map<std::string, DeviceFacts>& before,
                                               std::map<std::string, DeviceFacts> after) {
  for (auto& [side, facts] : after) {
    const auto& earlier = before.at(side);
    subtract(facts.drops, earlier.drops);
    if (facts.driver_drops && earlier.driver_drops) {
      subtract(*facts.driver_drops, *earlier.driver_drops);
    } else {
      facts.driver_drops.reset();
    }
    if (!facts.napi || !earlier.napi) continue;
    subtract(facts.napi->polled, earlier.napi->polled);
    subtract(facts.napi->dropped, earlier.napi->dropped);
  }
  return after;
}

}  // namespace netstall
