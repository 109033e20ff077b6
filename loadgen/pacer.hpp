// When the messages of an open loop are due, whatever became of those before. Pure.
#pragma once

#include <cstdint>
#include <vector>

#include "model/scenario.hpp"

namespace netstall {

// Where a connection stands in its sequence of messages. Its time is counted in
// messages: the integral of the rate.
struct PacePlace {
  double at = 0;        // Poisson: of the next message; constant: of the first
  std::uint64_t n = 0;  // the next message's number
  std::uint64_t stream = 0;
};

// Times in ns of one clock. A constant rate has message n at start + (phase + n)/rate,
// so that nothing adds up, whatever n. Of Poisson arrivals the intervals are a function
// of seed, connection and n. Bursts and changes of the rate stretch the time between
// messages; they hold at the same time for all connections. Constant once made.
class Pacer {
 public:
  // `port` keeps apart what shares a seed.
  Pacer(std::int64_t start_ns, const PaceSpec& pace, std::uint64_t seed, std::uint64_t port);

  // Of connection `index` of `count`: constant rates are spread evenly over one
  // interval, each at a place within its own part that the seed decides.
  PacePlace first(std::uint32_t index, std::uint32_t count) const noexcept;
  void advance(PacePlace& place) const noexcept;
  std::int64_t due(const PacePlace& place) const noexcept;

  // How many of its messages are due before `until`.
  std::uint64_t due_before(std::uint32_t index, std::uint32_t count,
                           std::int64_t until) const noexcept;

 private:
  // From `from_ns` after the start on, until the next one.
  struct Segment {
    double from_ns;
    double from_on_ns;    // the part of from_ns that lies within bursts
    double from_message;  // the integral of the rate until then
    double per_ns;        // rate
  };
  double on_time(double ns) const noexcept;
  double time_of(double on_ns) const noexcept;
  double messages_until(double ns) const noexcept;
  double message(const PacePlace& place) const noexcept;
  std::int64_t time_of_message(double message) const noexcept;

  std::int64_t start_ns_;
  std::uint64_t seed_;
  std::uint64_t port_;
  bool poisson_;
  double on_ns_ = 0;  // 0: no bursts
  double period_ns_ = 0;
  std::vector<Segment> segments_;  // never empty
};

// The phase of connection `index` of `count`: they are spread evenly over one
// interval, each at a place within its own part that the seed decides. `stream`
// keeps apart what shares a seed (a port, say).
std::int64_t phase_ns(std::uint64_t seed, std::uint64_t stream, std::uint32_t index,
                      std::uint32_t count, double interval_ns) noexcept;

}  // namespace netstall
