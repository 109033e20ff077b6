// TCP's memory between repetitions: a million connections with data need 15 to 20 s
// until the kernel has all of it back, and a repetition must not begin with it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "bench/run/interrupts.hpp"

namespace netstall {

// Not thread-safe.
class MemoryAtRest {
 public:
  // `pages` reads what TCP holds; its value now is what it shall come back to, but for
  // `slack` pages, which the kernel counts late.
  MemoryAtRest(std::function<std::int64_t()> pages, std::int64_t slack);

  // Before the first repetition: while it falls, somebody's connections are being freed, and
  // what it comes to is what it shall come back to. Waits as await() does.
  void settle(const Interrupts& interrupts, Nanoseconds patience, Nanoseconds deadline);

  // Waits until it is back, as long as it still falls within `patience`, at most until
  // `deadline`, or until a signal is pending. Returns what a person should know where it
  // is not back: memory that others of this machine hold, perhaps.
  std::optional<std::string> await(const Interrupts& interrupts, Nanoseconds patience,
                                   Nanoseconds deadline);

 private:
  bool fall_to(std::int64_t enough, const Interrupts& interrupts, Nanoseconds patience,
               Nanoseconds deadline, std::int64_t& lowest) const;

  std::function<std::int64_t()> pages_;
  std::int64_t before_;
  std::int64_t slack_;
};

// Of this machine.
MemoryAtRest tcp_memory_at_rest();

}  // namespace netstall
