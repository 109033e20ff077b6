// Netlink messages: building one, sending it, collecting what the kernel answers.
#pragma once

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/fd.hpp"
#include "base/netns.hpp"

namespace netstall {

template <class T>
std::string_view bytes_of(const T& object) {
  return {reinterpret_cast<const char*>(&object), sizeof object};
}

// What begins with these bytes, as the content of an attribute; zeros where they are fewer.
template <class T>
T value_of(std::string_view bytes) {
  T value{};
  if (!bytes.empty()) std::memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
  return value;
}

// Calls visit(type, content) for each attribute after a fixed part of `skip` bytes.
template <class Visit>
void for_each_attribute(std::string_view payload, std::size_t skip, const Visit& visit) {
  payload.remove_prefix(std::min<std::size_t>(NLMSG_ALIGN(skip), payload.size()));
  while (payload.size() >= sizeof(rtattr)) {
    const auto header = value_of<rtattr>(payload);
    if (header.rta_len < sizeof header || header.rta_len > payload.size()) break;
    visit(header.rta_type, payload.substr(sizeof header, header.rta_len - sizeof header));
    payload.remove_prefix(std::min<std::size_t>(RTA_ALIGN(header.rta_len), payload.size()));
  }
}

// A message, or the content of a nested attribute, as it grows.
class NetlinkMessage {
 public:
  // The content of an attribute.
  NetlinkMessage() = default;
  // A whole message; flags beyond NLM_F_REQUEST.
  template <class Header>
  NetlinkMessage(std::uint16_t type, std::uint16_t flags, const Header& header) {
    start(type, flags);
    append(bytes_of(header));
  }

  // Headers and attributes are padded to four bytes.
  void append(std::string_view bytes);
  void attribute(std::uint16_t type, std::string_view payload);
  void attribute(std::uint16_t type, const NetlinkMessage& nested) {
    attribute(type, std::string_view(nested.bytes_));
  }
  void name(std::uint16_t type, const std::string& text) {
    attribute(type, {text.c_str(), text.size() + 1});
  }
  template <class T>
  void number(std::uint16_t type, T value) {
    attribute(type, bytes_of(value));
  }
  std::string& bytes() noexcept { return bytes_; }

 private:
  void start(std::uint16_t type, std::uint16_t flags);
  std::string bytes_;
};

// One answer without its header.
struct NetlinkReply {
  std::uint16_t type = 0;
  std::string payload;

  // Its fixed part; zeros where the answer is shorter.
  template <class Header>
  Header header() const {
    return value_of<Header>(payload);
  }
};

// Talks to one family of one namespace. Not thread-safe.
class NetlinkSocket {
 public:
  NetlinkSocket(const Netns& netns, int family);
  // Sends, and returns the answers once the kernel has done it. Throws Error with
  // the kernel's own words where it has some.
  std::vector<NetlinkReply> transact(NetlinkMessage message, std::string_view operation);

 private:
  // Takes the messages of one datagram; true when the answer is complete.
  bool take(std::string_view datagram, std::string_view operation,
            std::vector<NetlinkReply>& replies) const;
  Fd socket_;
  std::uint32_t sequence_ = 0;
};

// The first attribute of a type after a fixed part of `skip` bytes; empty without one.
std::string_view attribute_of(std::string_view payload, std::size_t skip, std::uint16_t type);
// The same as text, up to its first NUL.
std::string text_attribute(std::string_view payload, std::size_t skip, std::uint16_t type);

}  // namespace netstall
