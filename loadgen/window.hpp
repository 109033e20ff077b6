// The measured window, in ns of the worker's CLOCK_MONOTONIC.
#pragma once

#include <cstdint>

namespace netstall {

// Half open: an event at `to` is outside.
struct Window {
  std::int64_t from = 0;
  std::int64_t to = 0;
  bool contains(std::int64_t at) const noexcept { return at >= from && at < to; }
};

}  // namespace netstall
