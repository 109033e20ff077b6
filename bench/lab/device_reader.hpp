// What an end of the link is set to and has dropped, for the report: its ring, its
// coalescing, where its interrupts go, or a veth's NAPI.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "base/netns.hpp"
#include "bench/lab/ethtool.hpp"
#include "bench/lab/rtnetlink.hpp"
#include "model/report.hpp"

namespace netstall {

// Not thread-safe.
class DeviceReader {
 public:
  // Made while the device is in the calling thread's namespace, read when it is in `there`:
  // sysfs tells of its interrupts only where it belongs. Throws Error.
  DeviceReader(const std::string& name, const Netns& there);
  // Of a device that has no interrupts, wherever it is by now.
  static DeviceReader of_veth(const std::string& name, const Netns& there);

  // Drops are those so far. What driver and kernel do not tell is absent. Throws Error when
  // the device is not there.
  DeviceFacts read();

 private:
  DeviceReader(const std::string& name, const Netns& there, std::filesystem::path interrupts);

  std::string name_;
  std::filesystem::path interrupts_;  // a folder with one entry each; empty: none
  Rtnetlink links_;
  NetlinkSocket generic_;
  Ethtool ethtool_;
};

// What a veth's ring did not take is counted by the end that sent it.
void take_drops_of_rings(std::map<std::string, DeviceFacts>& both_ends);

// The later ones, with the drops in between.
std::map<std::string, DeviceFacts> over_window(const std::map<std::string, DeviceFacts>& before,
                                               std::map<std::string, DeviceFacts> after);

}  // namespace netstall
