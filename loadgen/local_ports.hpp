// Which local port a connection takes.
#pragma once

#include <cstdint>

#include "model/port_range.hpp"

namespace netstall {

// The kernel tries one local port after the other, those of one parity first: once half
// of net.ipv4.ip_local_port_range leads to a destination, each connect() to it tries
// thousands, and takes milliseconds. Since Linux 6.3 a socket can be told which to try.
class LocalPorts {
 public:
  // Of the range of this thread's network namespace; none where that cannot be read.
  LocalPorts();

  // Has connect() of a TCP socket of either family take the port for connection `index`
  // to its destination: the range's ports in turn. False where the kernel cannot, and
  // takes one of its own choice.
  bool choose(int socket, std::uint32_t index) const noexcept;

  // Has it take any of the range.
  static void choose_any(int socket) noexcept;

 private:
  PortRange range_;
};

}  // namespace netstall
