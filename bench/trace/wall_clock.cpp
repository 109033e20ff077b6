#include "bench/trace/wall_clock.hpp"

#include <cstdlib>
#include <ctime>
#include <utility>

namespace netstall {
namespace {

std::int64_t wall_now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

ClockPair read_clock_pair(const std::function<std::int64_t()>& kernel_ns) {
  constexpr int kTries = 5;
  std::optional<ClockPair> best;
  for (int i = 0; i < kTries; ++i) {
    const auto before = wall_now_ns();
    const auto kernel = kernel_ns();
    const auto after = wall_now_ns();
    const ClockPair pair{kernel, before + (after - before) / 2, std::abs(after - before) / 2 + 1};
    if (!best || pair.unsure_ns < best->unsure_ns) best = pair;
  }
  return *best;
}

WallClock::Offset WallClock::offset_of(const ClockPair& pair) noexcept {
  return {pair.wall_ns - pair.kernel_ns, pair.unsure_ns};
}

WallClock::WallClock(Read read) : read_(std::move(read)), now_(offset_of(read_())) {}

bool WallClock::rebase() {
  const auto pair = read_();
  const auto found = offset_of(pair);
  if (std::abs(found.ns - now_.ns) <= found.unsure_ns + now_.unsure_ns) {
    if (found.unsure_ns < now_.unsure_ns) now_ = found;
    return false;
  }
  before_ = now_;
  now_ = found;
  since_kernel_ns_ = pair.kernel_ns;
  return true;
}

std::int64_t WallClock::to_wall(std::int64_t kernel_ns) const noexcept {
  const auto& offset = before_ && kernel_ns < since_kernel_ns_ ? *before_ : now_;
  return kernel_ns + offset.ns;
}

}  // namespace netstall
