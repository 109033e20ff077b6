// How long a message of UDP may be.
#pragma once

#include <cstdint>

#include "model/names.hpp"

namespace netstall {

// A datagram begins with its number and the time when it was due.
constexpr std::uint64_t kLeastDatagram = 16;

// What fits into one datagram beside the headers: the kernel answers EMSGSIZE beyond.
// The length in IPv4's header counts that header, in IPv6's not.
constexpr std::uint64_t most_datagram(Family family) {
  constexpr std::uint64_t kLength = 65535;
  constexpr std::uint64_t kUdpHeader = 8;
  constexpr std::uint64_t kIpv4Header = 20;
  return kLength - kUdpHeader - (family == Family::ipv4 ? kIpv4Header : 0);
}

}  // namespace netstall
