// When a thread left the CPU and came back, by the kernel's own clock: a witness of
// the window's edges that shares nothing with BPF.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.hpp"

namespace netstall {

enum class SwitchKind : std::uint8_t {
  ran,       // it came onto the CPU
  slept,     // it left of its own accord
  preempted  // it left and could have run on
};

struct Switch {
  std::int64_t at_ns = 0;  // CLOCK_MONOTONIC
  SwitchKind kind = SwitchKind::ran;
};

// All switches of a thread in [from_ns, to_ns], in order.
struct SwitchHistory {
  std::int64_t from_ns = 0;
  std::int64_t to_ns = 0;
  std::vector<Switch> switches;
  bool covers(std::int64_t from, std::int64_t to) const noexcept {
    return from_ns <= from && to <= to_ns;
  }
};

// From of() on, of one thread of this process. Keeps the last 256 switches, in 8 KiB
// of locked memory. Move-only; any thread.
class SwitchLog {
 public:
  // Nothing where the kernel does not let us (kernel.perf_event_paranoid above 2, no
  // CONFIG_PERF_EVENTS, or no more memory to lock). Some 10 µs, but tens of
  // milliseconds for the first of the machine.
  static std::optional<SwitchLog> of(pid_t tid) noexcept;

  SwitchLog(SwitchLog&& other) noexcept;
  SwitchLog& operator=(SwitchLog&& other) noexcept;
  ~SwitchLog();

  // Up to now; the log ends.
  SwitchHistory take();

 private:
  SwitchLog(Fd event, void* pages) noexcept;
  void unmap() noexcept;

  Fd event_;
  void* pages_ = nullptr;
  std::int64_t from_ns_ = 0;
};

// The switches in a ring of 16-byte records of which `written` bytes were ever
// written; nothing where it holds anything else. For tests.
std::optional<std::vector<Switch>> parse_switches(std::span<const std::byte> ring,
                                                  std::uint64_t written);

}  // namespace netstall
