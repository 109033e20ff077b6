// A thread's own account of its send() calls: did this one wait, how often, and how
// long was the thread off the CPU in it.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "loadgen/own_clock.hpp"
#include "loadgen/switch_gate.hpp"

namespace netstall {

// Without rseq, a send() or a pause shorter than this is taken to hold no wait: to
// leave the CPU and come back takes longer.
constexpr std::int64_t kSwitchFloorNs = 1000;

// What the thread had done when it was last asked, published so that another
// thread can tell how a send() in progress stands.
struct SwitchBase {
  std::atomic<std::uint64_t> waits = 0;      // voluntary context switches
  std::atomic<std::int64_t> off_cpu_ns = 0;  // CLOCK_MONOTONIC less the thread's CPU time
};

// Bound to its thread. Call before() and after() around every send(), in turn.
//
// Neither reads a clock nor calls the system while the thread stays on the CPU:
// between two readings without a context switch, CPU time passes as wall time
// does, and the difference of the two (off_cpu_ns) stands still. It is read again
// after a switch, and once a millisecond, since interrupts and a hypervisor's
// stolen time move it where the kernel does not charge them to the thread.
class SendClock {
 public:
  SendClock(SwitchGate gate, SwitchBase& base);

  // Before a send(), at `now`; true where it called the system, so that the caller
  // should read the clock again.
  bool before(std::int64_t now);

  // After a send() from `began` to `ended`: what it waited, if it did.
  std::optional<WaitedSend> after(std::int64_t began, std::int64_t ended);

  bool exact() const noexcept { return gate_.exact(); }
  std::uint64_t readings() const noexcept { return readings_; }

 private:
  void rebase();

  SwitchGate gate_;
  SwitchBase& base_;
  std::uint64_t waits_ = 0;
  std::uint64_t preemptions_ = 0;
  std::int64_t off_cpu_ns_ = 0;
  std::int64_t read_at_ = 0;
  std::int64_t last_end_ = 0;
  bool stale_ = true;
  std::uint64_t readings_ = 0;
};

}  // namespace netstall
