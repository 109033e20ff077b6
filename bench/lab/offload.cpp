#include "bench/lab/offload.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>

#include <array>
#include <cstdint>

#include "base/error.hpp"
#include "bench/lab/ethtool.hpp"

namespace netstall {
namespace {

struct Switch {
  const char* name;
  std::uint32_t get;
  std::uint32_t set;
  std::optional<bool> OffloadSpec::*of;
};

constexpr std::array<Switch, 3> kSwitches{{{"tso", ETHTOOL_GTSO, ETHTOOL_STSO, &OffloadSpec::tso},
                                           {"gso", ETHTOOL_GGSO, ETHTOOL_SGSO, &OffloadSpec::gso},
                                           {"gro", ETHTOOL_GGRO, ETHTOOL_SGRO, &OffloadSpec::gro}}};

// Nothing where the device has none.
std::optional<bool> read_switch(Ethtool& ethtool, const Switch& which) {
  ethtool_value value{which.get, 0};
  if (ethtool.ask(&value) != 0) return std::nullopt;
  return value.data != 0;
}

// Returns 0 or an errno.
int write_switch(Ethtool& ethtool, const Switch& which, bool on) {
  ethtool_value value{which.set, on ? 1U : 0U};
  return ethtool.ask(&value);
}

}  // namespace

void set_offloads(const Netns& netns, const std::string& device, const OffloadSpec& offload) {
  if (offload == OffloadSpec{}) return;
  Ethtool ethtool(netns, device);
  for (const auto& which : kSwitches) {
    const auto& wanted = offload.*which.of;
    if (!wanted) continue;
    const auto operation =
        fmt::format("switch {} {} on {}", which.name, *wanted ? "on" : "off", device);
    if (const int error = write_switch(ethtool, which, *wanted)) {
      throw Error(ErrorKind::incapable, operation, errno_text(error));
    }
    if (read_switch(ethtool, which) == wanted) continue;
    throw Error(ErrorKind::incapable, operation, "the device keeps it as it was");
  }
}

OffloadSpec read_offloads(const Netns& netns, const std::string& device) {
  Ethtool ethtool(netns, device);
  OffloadSpec offload;
  for (const auto& which : kSwitches) offload.*which.of = read_switch(ethtool, which);
  return offload;
}

void restore_offloads(const Netns& netns, const std::string& device, const OffloadSpec& offload) {
  Ethtool ethtool(netns, device);
  for (const auto& which : kSwitches) {
    const auto& wanted = offload.*which.of;
    if (wanted && read_switch(ethtool, which) != wanted) write_switch(ethtool, which, *wanted);
  }
}

}  // namespace netstall
