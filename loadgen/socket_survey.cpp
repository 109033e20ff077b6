#include "loadgen/socket_survey.hpp"

#include <linux/sock_diag.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>

#include "base/clock.hpp"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

namespace netstall {

std::optional<TcpTimes> tcp_times_of(int fd) noexcept {
  tcp_info info{};
  socklen_t length = sizeof info;
  // The three are in every kernel since 4.10.
  constexpr auto kNeeded =
      offsetof(tcp_info, tcpi_sndbuf_limited) + sizeof info.tcpi_sndbuf_limited;
  if (fd < 0 || ::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0 || length < kNeeded) {
    return std::nullopt;
  }
  const auto ns = [](auto us) { return static_cast<std::int64_t>(us) * 1000; };
  return TcpTimes{ns(info.tcpi_busy_time), ns(info.tcpi_rwnd_limited),
                  ns(info.tcpi_sndbuf_limited)};
}

SocketSurvey::SocketSurvey(std::size_t connections, SocketOf socket_of, std::size_t budget,
                           bool sends)
    : connections_(connections),
      socket_of_(std::move(socket_of)),
      budget_(std::min(budget, connections)),
      sends_(sends) {
  asked_.reserve(sends_ ? budget_ : 0);
  result_.queue.reserve();
}

void SocketSurvey::begin() {
  if (!sends_) return;
  for (std::size_t i = 0; i < budget_; ++i) {
    const auto connection = i * connections_ / budget_;
    const auto times = tcp_times_of(socket_of_(connection));
    if (times) asked_.push_back({connection, mono_now().ns, *times});
  }
}

void SocketSurvey::turn() {
  for (std::size_t i = 0; i < budget_; ++i) {
    const int fd = socket_of_(next_);
    next_ = (next_ + 1) % connections_;
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t length = sizeof memory;
    if (fd < 0 || ::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) continue;
    result_.queue.record(memory[sends_ ? SK_MEMINFO_WMEM_QUEUED : SK_MEMINFO_RMEM_ALLOC]);
  }
}

SurveyResult SocketSurvey::end() {
  for (const auto& asked : asked_) {
    const auto after = tcp_times_of(socket_of_(asked.connection));
    if (!after) continue;
    const auto add = [&](std::uint64_t& sum, std::int64_t TcpTimes::*time) {
      const auto rise = (*after).*time - asked.times.*time;
      sum += static_cast<std::uint64_t>(std::max<std::int64_t>(rise, 0));
    };
    ++result_.connections;
    result_.elapsed_ns += static_cast<std::uint64_t>(mono_now().ns - asked.at);
    add(result_.busy_ns, &TcpTimes::busy);
    add(result_.rwnd_limited_ns, &TcpTimes::rwnd_limited);
    add(result_.sndbuf_limited_ns, &TcpTimes::sndbuf_limited);
  }
  return std::move(result_);
}

}  // namespace netstall
