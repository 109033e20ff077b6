// From what the BPF programs counted, and from the stalls that they left open at
// the window's end, to the report's plain data.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "bpf/send_wait.h"
#include "model/report.hpp"

namespace netstall {

// CLOCK_MONOTONIC in ns, as BPF reads it.
struct BpfWindow {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
};

// The stalls of one flow group, in the making. Not thread-safe.
class StallCounts {
 public:
  // The whole arrays of all flow groups. Call first.
  void add_counted(std::uint32_t flow, std::span<const netstall_sums> sums,
                   std::span<const netstall_sub_sums> sub_sums,
                   std::span<const std::uint64_t> slots);

  // A stall that the end of the window found in progress.
  void add_open(const netstall_send& send, const BpfWindow& window);
  void add_open(const netstall_eagain& eagain, const BpfWindow& window);

  // Causes that the backend `cannot_tell` are absent.
  Stalls take(bool run_queue_known, std::span<const Cause> cannot_tell);

 private:
  void add_wait(const netstall_verdict& verdict, const netstall_part& part);
  void add_stall(std::uint32_t cause, std::uint64_t time_ns, bool open_at_start);

  StallCount total_;
  std::array<StallCount, kCauses> by_cause_;
  std::array<WaitCount, NETSTALL_SUBS> by_sub_;  // the first: not told
};

}  // namespace netstall
