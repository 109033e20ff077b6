// Stalls of a task's non-blocking sends: each from EAGAIN to the next byte accepted.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "loadgen/own_clock.hpp"

namespace netstall {

// From the reactor's thread alone. `since` is the connection's own: when its stall began, 0
// while there is none. Nothing is counted after collect().
class ReactorStalls {
 public:
  // So that nothing is allocated later.
  void reserve() { stalls_.duration.reserve(); }

  void begin(std::int64_t& since, std::int64_t now) noexcept {
    since = now;
    ++open_;
  }
  // Nothing where there is none.
  void end(std::int64_t& since, std::int64_t now, const Window& window) {
    if (since == 0) return;
    if (!collected_) add(stalls_, part_in_window(since, now, window));
    since = 0;
    --open_;
  }
  // Of one that lasts beyond the window, once, before collect(); nothing where there is none.
  void cut(std::int64_t since, const Window& window) {
    if (since != 0) add(stalls_, part_in_window(since, std::nullopt, window));
  }

  std::uint64_t open() const noexcept { return open_; }
  OwnStalls collect() {
    collected_ = true;
    return std::move(stalls_);
  }

 private:
  OwnStalls stalls_;
  std::uint64_t open_ = 0;
  bool collected_ = false;
};

}  // namespace netstall
