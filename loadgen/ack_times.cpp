#include "loadgen/ack_times.hpp"

#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "base/clock.hpp"

namespace netstall {
namespace {

std::int64_t ns_of(const timespec& time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// The kernel notes wall clock. What lies between the two clocks is read anew each time, for
// the wall clock is slewed and set.
// The best of a few: one during which this thread was preempted would be off by as much.
std::int64_t wall_less_mono() noexcept {
  constexpr std::int64_t kGood = 1'000;
  std::int64_t best = 0;
  std::int64_t took = std::numeric_limits<std::int64_t>::max();
  for (int attempt = 0; attempt < 5 && took > kGood; ++attempt) {
    timespec wall{};
    const auto before = mono_now().ns;
    ::clock_gettime(CLOCK_REALTIME, &wall);
    const auto after = mono_now().ns;
    if (after - before >= took) continue;
    took = after - before;
    best = ns_of(wall) - (before + took / 2);
  }
  return best;
}

}  // namespace

bool AckTimes::ask(int fd) noexcept {
  const std::uint32_t flags = SOF_TIMESTAMPING_TX_ACK | SOF_TIMESTAMPING_SOFTWARE |
                              SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
  return ::setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPING, &flags, sizeof flags) == 0;
}

void AckTimes::read(int fd) {
  std::optional<std::int64_t> ahead;
  for (;;) {
    alignas(cmsghdr) std::array<char, 256> control;
    msghdr message{};
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    if (::recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return;
    std::optional<std::int64_t> at;
    std::optional<std::uint32_t> byte;
    for (auto* part = CMSG_FIRSTHDR(&message); part != nullptr;
         part = CMSG_NXTHDR(&message, part)) {
      if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPING) {
        scm_timestamping times{};
        std::memcpy(&times, CMSG_DATA(part), sizeof times);
        at = ns_of(times.ts[0]);
        continue;
      }
      const bool v4 = part->cmsg_level == SOL_IP && part->cmsg_type == IP_RECVERR;
      const bool v6 = part->cmsg_level == SOL_IPV6 && part->cmsg_type == IPV6_RECVERR;
      if (!v4 && !v6) continue;
      sock_extended_err error{};
      std::memcpy(&error, CMSG_DATA(part), sizeof error);
      if (error.ee_origin == SO_EE_ORIGIN_TIMESTAMPING && error.ee_info == SCM_TSTAMP_ACK) {
        byte = error.ee_data;
      }
    }
    if (!at || !byte) continue;
    if (!ahead) ahead = wall_less_mono();
    note(*byte, *at - *ahead);
  }
}

void AckTimes::note(std::uint32_t last_byte, std::int64_t at_ns) {
  // The one after last_end_, in a space of numbers that wraps; notes come in order.
  const auto step = last_byte + 1 - static_cast<std::uint32_t>(last_end_);
  constexpr std::uint32_t kHalf = std::uint32_t{1} << 31;
  if (step == 0 || step >= kHalf) return;
  last_end_ += step;
  if (first_ > 0 && first_ * 2 >= notes_.size()) {
    notes_.erase(notes_.begin(), notes_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
  notes_.push_back({last_end_, at_ns});
}

std::optional<std::int64_t> AckTimes::acknowledged_at(std::uint64_t end) noexcept {
  while (first_ < notes_.size() && notes_[first_].end < end) ++first_;
  if (first_ == notes_.size()) return std::nullopt;
  return notes_[first_].at_ns;
}

}  // namespace netstall
