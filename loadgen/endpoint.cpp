#include "loadgen/endpoint.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <optional>

#include "base/error.hpp"

namespace netstall {
namespace {

template <class T>
void set_value(int fd, int level, int option, const T& value, std::string_view name) {
  if (::setsockopt(fd, level, option, &value, sizeof value) != 0) {
    throw_errno(fmt::format("set {}", name), errno);
  }
}

void set_option(int fd, int level, int option, std::int64_t value, std::string_view name) {
  set_value(fd, level, option, static_cast<int>(value), name);
}

void set_buffer(int fd, int option, Bytes size, std::string_view name) {
  constexpr std::uint64_t kMost = std::numeric_limits<int>::max();
  set_value(fd, SOL_SOCKET, option, static_cast<int>(std::min(size.count, kMost)), name);
}

std::uint64_t buffer_of(int fd, int option) {
  int size = 0;
  socklen_t length = sizeof size;
  if (::getsockopt(fd, SOL_SOCKET, option, &size, &length) != 0) {
    throw_errno("read the size of a socket's buffer", errno);
  }
  return static_cast<std::uint64_t>(size);
}

std::optional<int> option_of(int fd, int level, int option) {
  int value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(fd, level, option, &value, &length) != 0) return std::nullopt;
  return value;
}

std::int64_t seconds(Nanoseconds duration) {
  return std::chrono::duration_cast<std::chrono::seconds>(duration).count();
}

std::string keepalive_text(const Keepalive& keepalive) {
  return fmt::format("idle {}, interval {}, probes {}", to_text(keepalive.idle),
                     to_text(keepalive.interval), keepalive.probes);
}

void set_keepalive(int fd, const Keepalive& keepalive) {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1, "SO_KEEPALIVE");
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds(keepalive.idle), "TCP_KEEPIDLE");
  set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds(keepalive.interval), "TCP_KEEPINTVL");
  set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, keepalive.probes, "TCP_KEEPCNT");
}

void set_congestion_control(int fd, const std::string& name) {
  if (::setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(),
                   static_cast<socklen_t>(name.size())) == 0)
    return;
  throw_errno(fmt::format("set TCP_CONGESTION to {}", name), errno,
              "Name one of net.ipv4.tcp_allowed_congestion_control, or load its module.");
}

// The options of both ends.
void set_common(int fd, const FlowTask& task) {
  const auto& socket = task.socket;
  if (socket.nodelay)
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, *socket.nodelay ? 1 : 0, "TCP_NODELAY");
  if (socket.notsent_lowat) {
    set_option(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
               static_cast<std::int64_t>(socket.notsent_lowat->count), "TCP_NOTSENT_LOWAT");
  }
  if (socket.congestion_control) set_congestion_control(fd, *socket.congestion_control);
  if (socket.user_timeout) {
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
               std::chrono::duration_cast<std::chrono::milliseconds>(*socket.user_timeout).count(),
               "TCP_USER_TIMEOUT");
  }
  if (socket.keepalive) set_keepalive(fd, *socket.keepalive);
  if (socket.busy_poll) {
    set_option(fd, SOL_SOCKET, SO_BUSY_POLL,
               std::chrono::duration_cast<std::chrono::microseconds>(*socket.busy_poll).count(),
               "SO_BUSY_POLL");
  }
  if (socket.dscp) {
    const bool v4 = task.family == Family::ipv4;
    set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS, *socket.dscp << 2,
               v4 ? "IP_TOS" : "IPV6_TCLASS");
  }
  // After IP_TOS, which sets a priority of its own.
  set_not_inherited(fd, task);
}

}  // namespace

void set_not_inherited(int fd, const FlowTask& task) {
  const auto& priority = task.socket.priority;
  if (priority) set_option(fd, SOL_SOCKET, SO_PRIORITY, *priority, "SO_PRIORITY");
}

Address address_of(Family family, const std::string& text, std::uint16_t port) {
  Address address;
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  const bool is_v4 = family == Family::ipv4;
  const int parsed = is_v4 ? ::inet_pton(AF_INET, text.c_str(), &v4.sin_addr)
                           : ::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr);
  if (parsed != 1) {
    throw Error(ErrorKind::failed, fmt::format("read the {} address \"{}\"", name_of(family), text),
                "it is none");
  }
  address.length = is_v4 ? sizeof v4 : sizeof v6;
  std::memcpy(&address.storage, is_v4 ? static_cast<void*>(&v4) : &v6, address.length);
  return address;
}

Fd make_socket(const FlowTask& task, Side side) {
  const int family = task.family == Family::ipv4 ? AF_INET : AF_INET6;
  const bool udp = is_udp(task.pattern);
  Fd fd(::socket(family, (udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return fd;
  const auto& socket = task.socket;
  if (task.pattern != Pattern::connect) {
    if (!udp) set_linger(fd.get(), Nanoseconds(0));
  } else if (socket.linger) {
    set_linger(fd.get(), *socket.linger);
  }
  if (sends(task, side) && socket.sndbuf) {
    set_buffer(fd.get(), socket.force_buffers ? SO_SNDBUFFORCE : SO_SNDBUF, *socket.sndbuf,
               socket.force_buffers ? "SO_SNDBUFFORCE" : "SO_SNDBUF");
  }
  if (reads(task, side) && socket.rcvbuf) {
    set_buffer(fd.get(), socket.force_buffers ? SO_RCVBUFFORCE : SO_RCVBUF, *socket.rcvbuf,
               socket.force_buffers ? "SO_RCVBUFFORCE" : "SO_RCVBUF");
  }
  if (sends(task, side) && socket.zerocopy) {
    set_option(fd.get(), SOL_SOCKET, SO_ZEROCOPY, 1, "SO_ZEROCOPY");
  }
  set_common(fd.get(), task);
  return fd;
}

Fd listen_on(const FlowTask& task, const std::string& text) {
  const auto address = address_of(task.family, text, task.port);
  const auto operation = fmt::format("listen on {} port {}", text, task.port);
  Fd fd = make_socket(task, Side::server);
  if (!fd) throw_errno(operation, errno);
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (task.family == Family::ipv6) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
  }
  if (::bind(fd.get(), address.get(), address.length) != 0 ||
      ::listen(fd.get(), std::numeric_limits<int>::max()) != 0) {
    throw_errno(operation, errno);
  }
  return fd;
}

void set_linger(int fd, Nanoseconds duration) {
  set_value(fd, SOL_SOCKET, SO_LINGER, linger{1, static_cast<int>(seconds(duration))}, "SO_LINGER");
}

int take_socket_error(int fd) noexcept {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) return errno;
  return error_number;
}

std::uint64_t sndbuf_of(int fd) {
  return buffer_of(fd, SO_SNDBUF);
}

std::uint64_t rcvbuf_of(int fd) {
  return buffer_of(fd, SO_RCVBUF);
}

OptionTexts requested_options(const SocketSpec& socket) {
  OptionTexts texts;
  if (socket.nodelay) texts["nodelay"] = *socket.nodelay ? "true" : "false";
  if (socket.notsent_lowat) texts["notsent_lowat"] = fmt::to_string(socket.notsent_lowat->count);
  if (socket.congestion_control) texts["congestion_control"] = *socket.congestion_control;
  if (socket.user_timeout) texts["user_timeout"] = to_text(*socket.user_timeout);
  if (socket.keepalive) texts["keepalive"] = keepalive_text(*socket.keepalive);
  if (socket.busy_poll) texts["busy_poll"] = to_text(*socket.busy_poll);
  if (socket.dscp) texts["dscp"] = fmt::to_string(*socket.dscp);
  if (socket.priority) texts["priority"] = fmt::to_string(*socket.priority);
  if (socket.zerocopy) texts["zerocopy"] = "true";
  if (socket.linger) texts["linger"] = to_text(*socket.linger);
  return texts;
}

OptionTexts options_of(int fd, Family family) {
  OptionTexts texts;
  const auto put = [&texts](const char* name, const std::optional<int>& value, auto text) {
    if (value) texts[name] = text(*value);
  };
  const auto number = [](int value) { return fmt::to_string(value); };
  put("nodelay", option_of(fd, IPPROTO_TCP, TCP_NODELAY),
      [](int on) { return std::string(on != 0 ? "true" : "false"); });
  // 4294967295 and 0 both are "no limit".
  put("notsent_lowat", option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT),
      [](int value) { return fmt::to_string(static_cast<std::uint32_t>(value)); });
  std::array<char, 16> name{};
  socklen_t length = name.size();
  if (::getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name.data(), &length) == 0) {
    texts["congestion_control"] = std::string(name.data(), ::strnlen(name.data(), length));
  }
  put("user_timeout", option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT),
      [](int value) { return to_text(std::chrono::milliseconds(value)); });
  // A UDP socket has the flag too, and nothing of it.
  const bool tcp = texts.contains("nodelay");
  put("keepalive", tcp ? option_of(fd, SOL_SOCKET, SO_KEEPALIVE) : std::nullopt, [fd](int on) {
    if (on == 0) return std::string("off");
    const auto get = [fd](int option) { return option_of(fd, IPPROTO_TCP, option).value_or(0); };
    return keepalive_text({std::chrono::seconds(get(TCP_KEEPIDLE)),
                           std::chrono::seconds(get(TCP_KEEPINTVL)),
                           static_cast<std::uint32_t>(get(TCP_KEEPCNT))});
  });
  put("busy_poll", option_of(fd, SOL_SOCKET, SO_BUSY_POLL),
      [](int value) { return to_text(std::chrono::microseconds(value)); });
  const bool v4 = family == Family::ipv4;
  put("dscp", option_of(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_TOS : IPV6_TCLASS),
      [](int value) { return fmt::to_string(value >> 2); });
  put("priority", option_of(fd, SOL_SOCKET, SO_PRIORITY), number);
  put("zerocopy", option_of(fd, SOL_SOCKET, SO_ZEROCOPY),
      [](int on) { return std::string(on != 0 ? "true" : "false"); });
  linger until{};
  length = sizeof until;
  if (::getsockopt(fd, SOL_SOCKET, SO_LINGER, &until, &length) == 0) {
    texts["linger"] =
        until.l_onoff != 0 ? to_text(Nanoseconds(std::chrono::seconds(until.l_linger))) : "off";
  }
  return texts;
}

void set_blocking(int fd, bool blocking) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (::fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK) != 0) {
    throw_errno("set the blocking mode of a socket", errno);
  }
}

}  // namespace netstall
