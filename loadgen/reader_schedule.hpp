// When a rate-limited reader takes its next chunk. Pure.
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "loadgen/messages.hpp"

namespace netstall {

// A chunk of n bytes takes n/rate: the next one is due that much after this one
// was *due*, so that the rate holds although timers are late. But a reader that
// found nothing when it was due starts anew from when it got something: no credit
// gathers while the sender is silent, and a burst is read no faster than the rate.
class ReaderSchedule {
 public:
  explicit ReaderSchedule(double bytes_per_s) noexcept : ns_per_byte_(1e9 / bytes_per_s) {}

  // After `bytes` that were there when due.
  std::int64_t next(std::int64_t due_ns, std::uint64_t bytes) const noexcept {
    return due_ns + duration(bytes);
  }
  // After `bytes` that came only at `came_ns`.
  std::int64_t next_after_waiting(std::int64_t came_ns, std::uint64_t bytes) const noexcept {
    return came_ns + duration(bytes);
  }
  std::int64_t duration(std::uint64_t bytes) const noexcept {
    return std::llround(static_cast<double>(bytes) * ns_per_byte_);
  }

 private:
  double ns_per_byte_;
};

// How one connection of a task is read.
struct ReaderManner {
  std::uint64_t read_bytes = kReadBytes;  // asked of one recv()
  double bytes_per_s = 0;                 // where it is limited
  bool limited = false;
  bool freezes = false;  // in the share to which freezes and the stop apply, too
};

// Of connection `index` of a task. Where the scenario leaves it open a rate-limited
// one asks for no more than 50 ms bring, so that it reads steadily (and at least one
// byte), another one for kReadBytes.
ReaderManner reader_manner(const FlowTask& task, std::uint64_t seed, std::uint32_t index) noexcept;

// A time when the connections that freeze begin to be read, or cease.
struct ReaderTurn {
  std::int64_t at = 0;
  bool reading = false;
};

// All of them by time; the first one, at `traffic_from`, begins. What lies after the stop
// never comes.
std::vector<ReaderTurn> reader_turns(const ReaderSpec& reader, std::int64_t traffic_from);

// The most that a recv() of this task asks for.
std::uint64_t read_size(const FlowTask& task) noexcept;

}  // namespace netstall
