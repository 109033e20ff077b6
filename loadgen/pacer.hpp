// When the messages of an open loop are due: message n of a connection at
// start + phase + n/rate, whatever happened before. Pure.
#pragma once

#include <cstdint>

namespace netstall {

// Times in ns of one clock. Due times never slip: none is computed from another.
class Pacer {
 public:
  Pacer(std::int64_t start_ns, double per_second) noexcept
      : start_ns_(start_ns), interval_ns_(1e9 / per_second) {}

  double interval_ns() const noexcept { return interval_ns_; }
  std::int64_t due(std::int64_t phase_ns, std::uint64_t n) const noexcept;
  // How many messages are due before `until`.
  std::uint64_t due_before(std::int64_t phase_ns, std::int64_t until) const noexcept;

 private:
  std::int64_t start_ns_;
  double interval_ns_;
};

// The phase of connection `index` of `count`: they are spread evenly over one
// interval, each at a place within its own part that the seed decides. `stream`
// keeps apart what shares a seed (a port, say).
std::int64_t phase_ns(std::uint64_t seed, std::uint64_t stream, std::uint32_t index,
                      std::uint32_t count, double interval_ns) noexcept;

}  // namespace netstall
