#include "loadgen/zerocopy.hpp"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace netstall {
namespace {

// Completions of neighbours come as one; to ask after every send() would cost as much as
// it saves.
constexpr std::uint32_t kAskAfter = 16;

}  // namespace

ssize_t Zerocopy::send(int fd, const char* from, std::size_t bytes, int flags) noexcept {
  before(fd);
  for (;;) {
    const auto sent = ::send(fd, from, bytes, flags | MSG_ZEROCOPY);
    if (sent >= 0) took();
    if (sent >= 0 || errno != ENOBUFS) return sent;
    if (!refused(fd)) return ::send(fd, from, bytes, flags);
  }
}

void Zerocopy::before(int fd) noexcept {
  if (outstanding_ >= kAskAfter) read_completions(fd);
}

void Zerocopy::took() noexcept {
  ++counts_.sends;
  ++outstanding_;
}

bool Zerocopy::refused(int fd) noexcept {
  if (read_completions(fd)) return true;
  ++counts_.refused;
  return false;
}

bool Zerocopy::read_completions(int fd) noexcept {
  bool any = false;
  for (;;) {
    alignas(cmsghdr) std::array<char, 256> control;
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return any;
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      const bool v4 = part->cmsg_level == SOL_IP && part->cmsg_type == IP_RECVERR;
      const bool v6 = part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(part), sizeof error);
      if (error.ee_origin != SO_EE_ORIGIN_ZEROCOPY || error.ee_errno != 0) continue;
      // Both ends of a range, which may pass over 2^32.
      const std::uint32_t sends = error.ee_data - error.ee_info + 1;
      any = true;
      counts_.completed += sends;
      if ((error.ee_code & SO_EE_CODE_ZEROCOPY_COPIED) != 0) counts_.copied += sends;
      outstanding_ -= std::min(outstanding_, sends);
    }
  }
}

ZerocopyCounts Zerocopy::take() noexcept {
  return std::exchange(counts_, {});
}

}  // namespace netstall
