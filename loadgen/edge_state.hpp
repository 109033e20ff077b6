// Where a sender's thread stood at an edge of the window, from what was seen of it
// before and after. Pure arithmetic.
#pragma once

#include <cstdint>
#include <optional>

#include "loadgen/own_clock.hpp"
#include "loadgen/switch_log.hpp"
#include "loadgen/thread_looker.hpp"

namespace netstall {

// A probe reads its clock before the kernel writes the log, so that a switch soon
// after an edge may be before it for the probe. Seen, on a machine with eight times
// the work that it has CPUs for: 12 µs where a thread comes onto the CPU, which is
// logged last of all; less where it leaves.
constexpr std::int64_t kBeforeEdgeNs = 1'000;
constexpr std::int64_t kSleptAfterEdgeNs = 10'000;
constexpr std::int64_t kRanAfterEdgeNs = 25'000;

// What a thread showed around an edge, in the send() that it was in when it was
// looked at: CPU times before the edge, twice in a row after it, and on both sides
// of its status.
struct EdgeReadings {
  std::int64_t edge_ns = 0;
  // Before the edge, with no run in between; absent where it ran.
  std::optional<ThreadStatus> status_before;
  std::int64_t cpu_before_ns = 0;
  std::int64_t at_ns = 0;  // of the next two
  std::int64_t cpu_first_ns = 0;
  std::int64_t cpu_second_ns = 0;
  ThreadStatus status;
  std::int64_t status_from_ns = 0;  // when it was read
  std::int64_t status_to_ns = 0;
  std::int64_t cpu_last_ns = 0;  // at status_to_ns
  // Of the thread when the send() began.
  std::uint64_t base_waits = 0;
  std::int64_t base_off_cpu_ns = 0;
};

// A send() as far as it is known: up to its end, or to a look at it.
struct SendSoFar {
  std::int64_t began_ns = 0;
  std::int64_t until_ns = 0;
  std::uint64_t waits = 0;
  std::int64_t off_cpu_ns = 0;
};

// How a thread was when its log began, and whether it stayed off the CPU while it was
// looked at: all that there is of one that did not switch meanwhile.
struct UnloggedState {
  bool asleep_first = false;
  bool off_when_seen = false;
};

// From the thread's switches; nothing where they are not known from the edge to
// so_far.until_ns.
std::optional<EdgeState> edge_state(const SwitchHistory& history, std::int64_t edge_ns,
                                    const SendSoFar& so_far, const UnloggedState& unlogged);

// From the readings alone. Exact for a thread that slept from the first to the
// last; else the state says how much it may be off.
EdgeState edge_state(const EdgeReadings& readings) noexcept;

// As the readings have it at status_to_ns.
SendSoFar so_far(const EdgeReadings& readings, std::int64_t began_ns) noexcept;

}  // namespace netstall
