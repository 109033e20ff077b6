#include "bench/lab/netlink.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

[[noreturn]] void fail(std::string_view operation, int error, const std::string& text) {
  if (text.empty()) throw_errno(operation, error, error == EPERM ? "run as root" : "");
  throw Error(error == EPERM ? ErrorKind::incapable : ErrorKind::failed, operation,
              fmt::format("{} ({})", errno_text(error), text));
}

Fd open_socket(const Netns& netns, int family) {
  const ScopedNetns inside(netns);
  Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, family));
  if (!socket) throw_errno("open a netlink socket", errno);
  const int on = 1;
  // Both exist since 4.12 and only make errors clearer and shorter.
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
  return socket;
}

}  // namespace

void NetlinkMessage::append(std::string_view bytes) {
  bytes_.append(bytes);
  bytes_.resize(NLMSG_ALIGN(bytes_.size()), '\0');
}

void NetlinkMessage::attribute(std::uint16_t type, std::string_view payload) {
  const rtattr header{static_cast<std::uint16_t>(RTA_LENGTH(payload.size())), type};
  append(bytes_of(header));
  append(payload);
}

void NetlinkMessage::start(std::uint16_t type, std::uint16_t flags) {
  nlmsghdr head{};
  head.nlmsg_type = type;
  head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  append(bytes_of(head));
}

std::string_view attribute_of(std::string_view payload, std::size_t skip, std::uint16_t type) {
  std::string_view found;
  for_each_attribute(payload, skip, [&](std::uint16_t other, std::string_view content) {
    if (other == type && found.data() == nullptr) found = content;
  });
  return found;
}

std::string text_attribute(std::string_view payload, std::size_t skip, std::uint16_t type) {
  const auto value = attribute_of(payload, skip, type);
  return std::string(value.substr(0, value.find('\0')));
}

NetlinkSocket::NetlinkSocket(const Netns& netns, int family)
    : socket_(open_socket(netns, family)) {}

std::vector<NetlinkReply> NetlinkSocket::transact(NetlinkMessage message,
                                                  std::string_view operation) {
  auto& bytes = message.bytes();
  auto head = value_of<nlmsghdr>(bytes);
  const bool dump = (head.nlmsg_flags & NLM_F_DUMP) == NLM_F_DUMP;
  head.nlmsg_len = static_cast<std::uint32_t>(bytes.size());
  head.nlmsg_seq = ++sequence_;
  if (!dump) head.nlmsg_flags |= NLM_F_ACK;
  std::memcpy(bytes.data(), &head, sizeof head);
  if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) throw_errno(operation, errno);

  std::vector<NetlinkReply> replies;
  std::vector<char> buffer(65536);
  for (;;) {
    const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_errno(operation, errno);
    if (take({buffer.data(), static_cast<std::size_t>(got)}, operation, replies)) return replies;
  }
}

bool NetlinkSocket::take(std::string_view datagram, std::string_view operation,
                         std::vector<NetlinkReply>& replies) const {
  while (datagram.size() >= sizeof(nlmsghdr)) {
    const auto head = value_of<nlmsghdr>(datagram);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > datagram.size()) break;
    NetlinkReply reply{head.nlmsg_type,
                       std::string(datagram.substr(sizeof head, head.nlmsg_len - sizeof head))};
    datagram.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(head.nlmsg_len), datagram.size()));
    if (head.nlmsg_seq != sequence_) continue;
    if (head.nlmsg_type == NLMSG_DONE) return true;
    if (head.nlmsg_type == NLMSG_ERROR) {
      const int error = -reply.header<nlmsgerr>().error;
      if (error == 0) return true;
      fail(operation, error, text_attribute(reply.payload, sizeof(nlmsgerr), NLMSGERR_ATTR_MSG));
    }
    replies.push_back(std::move(reply));
  }
  return false;
}

}  // namespace netstall
