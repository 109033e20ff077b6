// net.ipv4.ip_local_port_range, as the kernel and scenarios write it.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace netstall {

struct PortRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
};

// Of "32768 60999"; nothing where that is no range of ports.
std::optional<PortRange> port_range_of(std::string_view text);

}  // namespace netstall
