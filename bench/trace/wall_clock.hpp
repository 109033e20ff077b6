// From the clock that the kernel's programs read to the wall's, anew as that is set.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

namespace netstall {

// Both clocks at one moment, in ns.
struct ClockPair {
  std::int64_t kernel_ns = 0;  // CLOCK_MONOTONIC as the kernel has it
  std::int64_t wall_ns = 0;    // CLOCK_REALTIME
  std::int64_t unsure_ns = 0;  // by how much they may be apart from that moment
};

// Reads the wall's clock before and after the kernel's: their middle, unsure by half
// of what passed. The best of a few tries. Throws what `kernel_ns` throws.
ClockPair read_clock_pair(const std::function<std::int64_t()>& kernel_ns);

// Both clocks run at one rate (the kernel slews them together), so that their
// difference changes only where the wall's clock is set. What happened before the
// change was noticed is told by the difference from before, what happened after by
// the one after: rebase() often. Not thread-safe.
class WallClock {
 public:
  using Read = std::function<ClockPair()>;
  explicit WallClock(Read read);

  // Measures the difference anew; true where it has changed by more than the
  // measurements are unsure of.
  bool rebase();

  std::int64_t to_wall(std::int64_t kernel_ns) const noexcept;

 private:
  struct Offset {
    std::int64_t ns;
    std::int64_t unsure_ns;
  };
  static Offset offset_of(const ClockPair& pair) noexcept;

  Read read_;
  Offset now_;
  std::optional<Offset> before_;
  std::int64_t since_kernel_ns_ = 0;  // from here on `now_` holds
};

}  // namespace netstall
