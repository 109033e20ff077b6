#include "bench/lab/step.hpp"

#include <array>

namespace netstall {

std::span<const std::string_view> lab_steps() {
  static constexpr std::array kSteps{
      // Guardian::start
      std::string_view("guardian_started"), std::string_view("guardian_ready"),
      // Lab
      std::string_view("host_turn_taken"), std::string_view("namespaces_made"),
      std::string_view("device_announced"), std::string_view("device_moved"),
      std::string_view("link_made"), std::string_view("link_up"), std::string_view("link_shaped"),
      std::string_view("addresses_set"), std::string_view("cgroup_announced"),
      std::string_view("cgroup_made"), std::string_view("cgroup_limited"),
      std::string_view("side_sysctls_set"), std::string_view("host_sysctl_announced"),
      std::string_view("host_sysctl_written"), std::string_view("lab_up"),
      // Lab::open_window, Lab::close_window
      std::string_view("window_opened"), std::string_view("window_closed"),
      // Lab::tear_down
      std::string_view("lab_unwinding"), std::string_view("sockets_gone"),
      std::string_view("host_sysctl_restored"), std::string_view("cgroups_removed"),
      std::string_view("devices_returned"), std::string_view("namespaces_released"),
      std::string_view("lab_down"),
      // Guardian::finish
      std::string_view("finish_sent"), std::string_view("guardian_gone")};
  return kSteps;
}

}  // namespace netstall
