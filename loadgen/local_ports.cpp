#include "loadgen/local_ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/file.hpp"

namespace netstall {
namespace {

constexpr int kLocalPortRange = 51;  // IP_LOCAL_PORT_RANGE, which glibc 2.36 has not

bool set_range(int socket, std::uint32_t lowest, std::uint32_t highest) noexcept {
  const std::uint32_t range = highest << 16U | lowest;
  return ::setsockopt(socket, IPPROTO_IP, kLocalPortRange, &range, sizeof range) == 0;
}

}  // namespace

LocalPorts::LocalPorts() {
  const auto text = try_read_file("/proc/sys/net/ipv4/ip_local_port_range");
  if (!text) return;
  // The kernel takes none of a range that begins with port 0.
  if (const auto range = port_range_of(*text); range && range->first > 0) range_ = *range;
}

bool LocalPorts::choose(int socket, std::uint32_t index) const noexcept {
  if (range_.count == 0) return false;
  const std::uint32_t port = range_.first + index % range_.count;
  return set_range(socket, port, port);
}

void LocalPorts::choose_any(int socket) noexcept {
  set_range(socket, 0, 0);
}

}  // namespace netstall
