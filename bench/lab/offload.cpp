#include "bench/lab/offload.hpp"

#include <fmt/format.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace netstall {
namespace {

class Ethtool {
 public:
  Ethtool(const Netns& netns, const std::string& device) : device_(device) {
    const ScopedNetns inside(netns);
    socket_.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!socket_) throw_errno("open a socket for ethtool", errno);
  }

  void set(const char* name, std::uint32_t get_command, std::uint32_t set_command, bool on) {
    const auto operation = fmt::format("switch {} {} on {}", name, on ? "on" : "off", device_);
    ethtool_value value{set_command, on ? 1U : 0U};
    if (const int error = ask(value)) {
      throw Error(ErrorKind::incapable, operation, errno_text(error));
    }
    value = {get_command, 0};
    if (ask(value) == 0 && (value.data != 0) == on) return;
    throw Error(ErrorKind::incapable, operation, "the device keeps it as it was");
  }

 private:
  int ask(ethtool_value& value) {
    ifreq request{};
    std::memcpy(request.ifr_name, device_.c_str(), device_.size() + 1);
    request.ifr_data = reinterpret_cast<char*>(&value);
    return ::ioctl(socket_.get(), SIOCETHTOOL, &request) == 0 ? 0 : errno;
  }

  std::string device_;
  Fd socket_;
};

}  // namespace

void set_offloads(const Netns& netns, const std::string& device, const OffloadSpec& offload) {
  if (!offload.tso && !offload.gso && !offload.gro) return;
  Ethtool ethtool(netns, device);
  if (offload.tso) ethtool.set("tso", ETHTOOL_GTSO, ETHTOOL_STSO, *offload.tso);
  if (offload.gso) ethtool.set("gso", ETHTOOL_GGSO, ETHTOOL_SGSO, *offload.gso);
  if (offload.gro) ethtool.set("gro", ETHTOOL_GGRO, ETHTOOL_SGRO, *offload.gro);
}

}  // namespace netstall
