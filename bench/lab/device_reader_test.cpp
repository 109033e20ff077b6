// Against the machine's own devices, read in a second way: by the older ioctl, and by
// /proc/interrupts.
#include "bench/lab/device_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/ethtool.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "base/file.hpp"

namespace netstall {
namespace {

std::vector<std::string> devices_here() {
  std::vector<std::string> names;
  for (const auto& link : Rtnetlink(Netns::current()).links()) names.push_back(link.name);
  return names;
}

std::int64_t or_zero(const std::map<std::string, std::int64_t>& numbers, const std::string& name) {
  const auto found = numbers.find(name);
  return found == numbers.end() ? 0 : found->second;
}

TEST(DeviceReader, RingsAreThoseOfTheIoctl) {
  for (const auto& name : devices_here()) {
    const auto here = Netns::current();
    const auto facts = DeviceReader(name, here).read();
    EXPECT_EQ(facts.name, name);
    ethtool_ringparam ring{};
    ring.cmd = ETHTOOL_GRINGPARAM;
    const bool has_ring = Ethtool(here, name).ask(&ring) == 0 &&
                          (ring.rx_max_pending != 0 || ring.tx_max_pending != 0);
    ASSERT_EQ(facts.ring.has_value(), has_ring) << name;
    if (!has_ring) continue;
    EXPECT_EQ(or_zero(*facts.ring, "rx"), ring.rx_pending) << name;
    EXPECT_EQ(or_zero(*facts.ring, "rx_max"), ring.rx_max_pending) << name;
    EXPECT_EQ(or_zero(*facts.ring, "tx"), ring.tx_pending) << name;
    EXPECT_EQ(or_zero(*facts.ring, "tx_max"), ring.tx_max_pending) << name;
  }
}

TEST(DeviceReader, CoalescingIsThatOfTheIoctlOrAbsent) {
  for (const auto& name : devices_here()) {
    const auto here = Netns::current();
    const auto facts = DeviceReader(name, here).read();
    ethtool_coalesce coalesce{};
    coalesce.cmd = ETHTOOL_GCOALESCE;
    if (Ethtool(here, name).ask(&coalesce) != 0) {
      EXPECT_FALSE(facts.coalescing) << name;
      continue;
    }
    const auto found = facts.coalescing.value_or(std::map<std::string, std::int64_t>{});
    EXPECT_EQ(or_zero(found, "rx_usecs"), coalesce.rx_coalesce_usecs) << name;
    EXPECT_EQ(or_zero(found, "rx_frames"), coalesce.rx_max_coalesced_frames) << name;
    EXPECT_EQ(or_zero(found, "tx_frames"), coalesce.tx_max_coalesced_frames) << name;
  }
}

TEST(DeviceReader, InterruptsAreThoseOfProc) {
  const auto interrupts = read_file("/proc/interrupts");
  for (const auto& name : devices_here()) {
    const auto facts = DeviceReader(name, Netns::current()).read();
    const bool hardware = std::filesystem::exists("/sys/class/net/" + name + "/device");
    EXPECT_TRUE(hardware || !facts.interrupts) << name;
    if (!facts.interrupts) continue;
    for (const auto& [number, cpus] : *facts.interrupts) {
      EXPECT_THAT(interrupts, testing::HasSubstr(number + ":")) << name;
      EXPECT_FALSE(cpus.empty()) << name;
    }
  }
}

TEST(DeviceReader, DropsAreThoseOfSysfs) {
  for (const auto& name : devices_here()) {
    const auto facts = DeviceReader(name, Netns::current()).read();
    for (const auto& [ours, theirs] :
         {std::pair("rx_dropped", "rx_dropped"), std::pair("rx_missed", "rx_missed_errors"),
          std::pair("rx_errors", "rx_errors"), std::pair("tx_dropped", "tx_dropped"),
          std::pair("tx_errors", "tx_errors")}) {
      const auto file = "/sys/class/net/" + name + "/statistics/" + theirs;
      if (!std::filesystem::exists(file)) continue;
      // Read later: it may have become more.
      EXPECT_LE(facts.drops.at(ours), std::stoll(read_file(file))) << name;
    }
  }
}

TEST(DeviceReader, TheWindowHasWhatWasDroppedInIt) {
  DeviceFacts early;
  early.drops = {{"rx_dropped", 5}};
  early.driver_drops = {{"rx_no_buffer", 1}};
  auto late = early;
  late.drops["rx_dropped"] = 12;
  late.driver_drops->at("rx_no_buffer") = 4;
  const auto of_window = over_window({{"client", early}}, {{"client", late}});
  EXPECT_EQ(of_window.at("client").drops.at("rx_dropped"), 7);
  EXPECT_EQ(of_window.at("client").driver_drops->at("rx_no_buffer"), 3);
  early.driver_drops.reset();
  EXPECT_FALSE(over_window({{"client", early}}, {{"client", late}}).at("client").driver_drops);
}

TEST(DeviceReader, WhatARingDropsIsTheOtherEndsToCount) {
  std::map<std::string, DeviceFacts> ends;
  ends["client"].napi = NapiFacts{true, 10, {}};
  ends["client"].drops = {{"tx_dropped", 3}};
  ends["server"].napi = NapiFacts{false, 0, {}};
  ends["server"].drops = {{"tx_dropped", 5}};
  take_drops_of_rings(ends);
  EXPECT_EQ(ends["client"].napi->dropped, 5);
  EXPECT_EQ(ends["server"].napi->dropped, std::nullopt) << "without NAPI there is no ring";
  auto late = ends;
  late["client"].napi->polled = 30;
  late["client"].napi->dropped = 6;
  const auto of_window = over_window(ends, late);
  EXPECT_EQ(of_window.at("client").napi->polled, 20);
  EXPECT_EQ(of_window.at("client").napi->dropped, 1);
  EXPECT_EQ(of_window.at("server").napi->polled, 0);
}

}  // namespace
}  // namespace netstall
