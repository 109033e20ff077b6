// The enumerations of netstall's vocabulary and their names in JSON: one table
// each, which parser, writer and error messages share.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace netstall {

enum class Side : std::uint8_t { client, server };
enum class Pattern : std::uint8_t {
  stream,
  request_response,
  duplex,
  idle,
  connect,
  udp_stream,
  udp_request_response,
  multicast
};
enum class Io : std::uint8_t { blocking, nonblocking, level_triggered, io_uring };
enum class ReaderIo : std::uint8_t { epoll, blocking };
enum class Arrival : std::uint8_t { constant, poisson };
// Whose the rate of a pace is: each connection's, or the whole flow group's.
enum class PaceOf : std::uint8_t { connection, group };
enum class Family : std::uint8_t { ipv4, ipv6 };

// Why a wait happened. The order is shared with the BPF programs (bpf/causes.h).
enum class Cause : std::uint8_t {
  unknown,
  sndbuf_full,
  sndbuf_moderated,
  notsent_lowat,
  mem_shortage,
  receiver_drop,
  cgroup_throttle,
  eagain_spin
};
// Of what: peer_window and network of sndbuf_full, global and cgroup of mem_shortage.
enum class SubCause : std::uint8_t { peer_window, network, global, cgroup };

enum class Status : std::uint8_t { ok, failed, skipped, interrupted };
enum class ProbeMode : std::uint8_t { automatic, off, require };

template <class E>
struct Names;  // specialised with: static constexpr std::array<std::string_view, N> list

template <>
struct Names<Side> {
  static constexpr std::array<std::string_view, 2> list{"client", "server"};
};
template <>
struct Names<Pattern> {
  static constexpr std::array<std::string_view, 8> list{
      "stream",     "request-response",     "duplex",   "idle", "connect",
      "udp-stream", "udp-request-response", "multicast"};
};
template <>
struct Names<Io> {
  static constexpr std::array<std::string_view, 4> list{"blocking", "nonblocking",
                                                        "level-triggered", "io-uring"};
};
template <>
struct Names<ReaderIo> {
  static constexpr std::array<std::string_view, 2> list{"epoll", "blocking"};
};
template <>
struct Names<Arrival> {
  static constexpr std::array<std::string_view, 2> list{"constant", "poisson"};
};
template <>
struct Names<PaceOf> {
  static constexpr std::array<std::string_view, 2> list{"connection", "group"};
};
template <>
struct Names<Family> {
  static constexpr std::array<std::string_view, 2> list{"ipv4", "ipv6"};
};
template <>
struct Names<Cause> {
  static constexpr std::array<std::string_view, 8> list{
      "unknown",      "sndbuf_full",   "sndbuf_moderated", "notsent_lowat",
      "mem_shortage", "receiver_drop", "cgroup_throttle",  "eagain_spin"};
};
template <>
struct Names<SubCause> {
  static constexpr std::array<std::string_view, 4> list{"peer_window", "network", "global",
                                                        "cgroup"};
};
template <>
struct Names<Status> {
  static constexpr std::array<std::string_view, 4> list{"ok", "failed", "skipped", "interrupted"};
};
template <>
struct Names<ProbeMode> {
  static constexpr std::array<std::string_view, 3> list{"auto", "off", "require"};
};

template <class E>
constexpr std::string_view name_of(E value) {
  const auto index = static_cast<std::size_t>(value);
  return index < Names<E>::list.size() ? Names<E>::list[index] : std::string_view("?");
}

template <class E>
constexpr std::optional<E> named(std::string_view name) {
  for (std::size_t i = 0; i < Names<E>::list.size(); ++i) {
    if (Names<E>::list[i] == name) return static_cast<E>(i);
  }
  return std::nullopt;
}

// Whether it is carried by UDP: sockets each connected to one of the other side, or one
// that sends and those that have joined.
constexpr bool is_udp(Pattern pattern) {
  return pattern == Pattern::udp_stream || pattern == Pattern::udp_request_response ||
         pattern == Pattern::multicast;
}

// Messages of the sender alone.
constexpr bool is_one_way(Pattern pattern) {
  return pattern == Pattern::stream || pattern == Pattern::udp_stream ||
         pattern == Pattern::multicast;
}

// Requests of the sender, and a response to each.
constexpr bool is_exchange(Pattern pattern) {
  return pattern == Pattern::request_response || pattern == Pattern::udp_request_response;
}

constexpr std::size_t kCauses = Names<Cause>::list.size();
constexpr std::size_t kSubCauses = Names<SubCause>::list.size();

constexpr Cause cause_of(SubCause sub) {
  return sub == SubCause::peer_window || sub == SubCause::network ? Cause::sndbuf_full
                                                                  : Cause::mem_shortage;
}

constexpr Side other(Side side) {
  return side == Side::client ? Side::server : Side::client;
}

}  // namespace netstall
