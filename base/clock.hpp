// Monotonic time as the kernel's BPF clock sees it: CLOCK_MONOTONIC in ns, so
// that times of programs and of probes on one machine can be set side by side.
#pragma once

#include <ctime>
#include <string>

#include "base/units.hpp"

namespace netstall {

// A point of CLOCK_MONOTONIC of the machine that made it; of another machine's
// only after adding the offset that a handshake measured.
struct MonoTime {
  std::int64_t ns = 0;
  friend auto operator<=>(const MonoTime&, const MonoTime&) = default;
  friend MonoTime operator+(MonoTime time, Nanoseconds delta) { return {time.ns + delta.count()}; }
  friend Nanoseconds operator-(MonoTime late, MonoTime early) {
    return Nanoseconds(late.ns - early.ns);
  }
};

inline MonoTime mono_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return {std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

// The wall clock in UTC, as "2026-01-31T12:00:00.123Z".
std::string wall_clock_text();

// A point in time after which waiting is an error. poll_timeout() is what
// poll(2) takes: milliseconds, rounded up, never negative.
class Deadline {
 public:
  explicit Deadline(Nanoseconds after) : at_(mono_now() + after) {}
  bool passed() const noexcept { return mono_now() >= at_; }
  Nanoseconds left() const noexcept {
    const auto left = at_ - mono_now();
    return left.count() > 0 ? left : Nanoseconds(0);
  }
  int poll_timeout() const noexcept {
    const auto milliseconds = (left().count() + 999'999) / 1'000'000;
    return milliseconds > 1'000'000 ? 1'000'000 : static_cast<int>(milliseconds);
  }

 private:
  MonoTime at_;
};

}  // namespace netstall
