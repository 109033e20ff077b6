#include "loadgen/local_ports.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <sstream>

#include "base/file.hpp"

namespace netstall {
namespace {

constexpr int kLocalPortRange = 51;  // IP_LOCAL_PORT_RANGE, which glibc 2.36 has not
constexpr std::uint32_t kHighestPort = 65'535;

bool set_range(int socket, std::uint32_t lowest, std::uint32_t highest) noexcept {
  const std::uint32_t range = highest << 16U | lowest;
  return ::setsockopt(socket, IPPROTO_IP, kLocalPortRange, &range, sizeof range) == 0;
}

}  // namespace

LocalPorts::LocalPorts() {
  const auto text = try_read_file("/proc/sys/net/ipv4/ip_local_port_range");
  if (!text) return;
  std::istringstream in(*text);
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  if (!(in >> first >> last) || first == 0 || last < first || last > kHighestPort) return;
  first_ = first;
  count_ = last - first + 1;
}

bool LocalPorts::choose(int socket, std::uint32_t index) const noexcept {
  if (count_ == 0) return false;
  const std::uint32_t port = first_ + index % count_;
  return set_range(socket, port, port);
}

void LocalPorts::choose_any(int socket) noexcept {
  set_range(socket, 0, 0);
}

}  // namespace netstall
