// Ports of the machine in place of the veth pair: each is moved into a side's namespace,
// and back as it was.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/netns.hpp"
#include "bench/lab/rtnetlink.hpp"
#include "bench/lab/step.hpp"
#include "bench/lab/undo_journal.hpp"
#include "model/scenario.hpp"

namespace netstall {

// What a move to another namespace takes from a device, and what a lab sets on it.
struct DeviceState {
  std::string hardware_address;  // bytes
  std::uint32_t mtu = 0;
  std::uint32_t txqueuelen = 0;
  bool up = false;
  std::optional<std::uint8_t> ipv6_address_mode;  // absent: the kernel has no IPv6
  OffloadSpec offload;                            // absent where the device has no such switch
  // Those of the device alone, below /proc/sys/net: "ipv4/conf/eth2/rp_filter" → value.
  std::map<std::string, std::string> sysctls;
  // Addresses and routes as rtnetlink gave them, those that the kernel makes by itself
  // left out.
  std::vector<std::string> addresses;
  std::vector<std::string> routes;
  friend bool operator==(const DeviceState&, const DeviceState&) = default;
};

// As one text, for the undo journal, and back; nothing for a text that is none.
std::string to_text(const DeviceState& state);
std::optional<DeviceState> device_state_of(std::string_view text);

// Throws Error when there is no such device in the namespace.
DeviceState read_device(const Netns& netns, const std::string& name);

// Why a lab must not take this device of the calling thread's namespace, or nothing: there
// is none, it carries the default route or a connection, or is part of another device.
std::optional<std::string> why_not_device(const std::string& name);

// Puts a device of this name back into the calling thread's namespace, out of one of
// `namespaces` unless it is here, as the entry says that it was. The kernel brings a port
// back itself when its namespace ends, a moment later: it is waited for.
UndoResult return_device(const DeviceEntry& entry, std::span<const Netns> namespaces,
                         const Deadline& deadline);

// Holds a device in another namespace. Made and destroyed by a thread that is where the
// device belongs.
class MovedDevice {
 public:
  // Announces it in the journal first. Throws Error, then it is back.
  MovedDevice(const std::string& name, const Netns& there, UndoJournal& journal,
              const StepHook& hook);
  MovedDevice(const MovedDevice&) = delete;
  MovedDevice& operator=(const MovedDevice&) = delete;
  // As put_back(), when that was not called; then nobody hears what failed.
  ~MovedDevice();

  // A second call does nothing.
  UndoResult put_back(const Deadline& deadline);

 private:
  DeviceEntry entry_;
  const Netns& there_;
  UndoJournal* journal_ = nullptr;  // null: it is back
  UndoTicket ticket_ = 0;
};

}  // namespace netstall
