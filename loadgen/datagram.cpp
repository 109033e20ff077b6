#include "loadgen/datagram.hpp"

#include <sys/socket.h>

#include <algorithm>

namespace netstall {

std::int64_t DatagramOut::send(int fd, const DatagramHead& head, std::size_t size,
                               const Address* to) noexcept {
  const auto words = words_of(head);
  std::memcpy(bytes_.data(), words.data(), sizeof words);
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  size = std::min(size, bytes_.size());
  if (to == nullptr) return ::send(fd, bytes_.data(), size, kFlags);
  return ::sendto(fd, bytes_.data(), size, kFlags, to->get(), to->length);
}

std::int64_t send_datagram(int fd, const DatagramHead& head, std::string_view payload,
                           std::size_t size) noexcept {
  auto words = words_of(head);
  const auto rest = size - std::min(size, sizeof words);
  // The kernel does not write to it.
  std::array<iovec, 2> parts{
      {{words.data(), sizeof words}, {const_cast<char*>(payload.data()), rest}}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  return ::sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace netstall
