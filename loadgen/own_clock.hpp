// Stalls as the sending program itself can know them, cut to the window. Pure
// arithmetic; switch_gate.hpp and send_clock.hpp say where the figures come from.
//
// Blocking: a stall is one send() in which the thread gave up the CPU of its own
// accord at least once; its waits are its voluntary context switches, and its time
// is what the thread was off the CPU: wall time less the thread's CPU time.
// Non-blocking: a stall is the time from EAGAIN to the next byte accepted on that
// connection, and one wait.
// By io_uring the kernel keeps EAGAIN to itself: it waits until the socket is writable and
// tries again. A stall is the time from when a send was handed to the ring until its answer
// was seen, where that was not there when the kernel had come by the send (ring_senders.hpp);
// one wait. What was over by then, some microseconds, is none for the program. How it agrees
// with the probe, which sees EAGAIN, is in docs/send_wait.md.
#pragma once

#include <cstdint>
#include <optional>

#include "loadgen/messages.hpp"
#include "loadgen/window.hpp"

namespace netstall {

// A send() that waited, as its thread sees it when it is back.
struct WaitedSend {
  std::int64_t began_ns = 0;  // before the call
  std::int64_t ended_ns = 0;  // after it
  std::uint64_t waits = 0;    // at least 1
  std::int64_t off_cpu_ns = 0;
  std::uint64_t preemptions = 0;  // involuntary switches
};

// Where a thread stood within a send() at an edge of the window.
struct EdgeState {
  std::uint64_t waits = 0;      // begun before the edge
  bool waiting = false;         // the last of them was not over
  std::int64_t off_cpu_ns = 0;  // before the edge
  // By how many the waits begun, and those over, may be off.
  std::uint64_t unsure_begun = 0;
  std::uint64_t unsure_over = 0;
  // The last wait of the send() was over, and with it, for who sees it leave the
  // kernel, perhaps the stall.
  bool tail = false;
};

// The part of a stall that lies in the window; `counts` is false where none does.
struct StallPart {
  bool counts = false;
  std::uint64_t waits = 0;
  std::uint64_t time_ns = 0;
  bool open_at_start = false;
  bool open_at_end = false;
  // By how many the waits may be off, and whether that makes it a stall or none; and
  // whether it may be open, or not, at an edge. Also where nothing counts.
  std::uint64_t unsure_waits = 0;
  bool unsure_stall = false;
  bool unsure_open = false;
};

// Of a send() that has ended. `at_start` is where it stood when the window began;
// absent, although the send() spans that edge, means that nobody looked in time:
// then the waiting is taken to be one piece that ends with the send(), and all of
// its waits are unsure. Likewise for a send() that ended after the window's end.
StallPart part_in_window(const WaitedSend& send, const Window& window,
                         const std::optional<EdgeState>& at_start);

// Of a send() that began at `began_ns` and had not ended by the window's end.
StallPart open_part(std::int64_t began_ns, const EdgeState& at_end, const Window& window,
                    const std::optional<EdgeState>& at_start);

// Of a non-blocking stall; `ended_ns` is absent while it lasts.
StallPart part_in_window(std::int64_t began_ns, std::optional<std::int64_t> ended_ns,
                         const Window& window);

void add(OwnStalls& stalls, const StallPart& part);
void merge(OwnStalls& stalls, const OwnStalls& other);

}  // namespace netstall
