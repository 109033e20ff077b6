// The records of stall_trace's programs as what model/trace.hpp calls them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <tuple>

#include "bpf/stall_trace.h"
#include "bpf/stall_trace.hpp"
#include "model/trace.hpp"

namespace netstall {

// The cause that a kind stands for; kind < NETSTALL_KINDS.
CausePair cause_of_kind(std::uint32_t kind);

TracedThread traced_thread(const netstall_who& who);

// Without the run queue's time where the kernel does not keep it.
TracedStall traced_stall(const netstall_stall_event& event, bool run_queue_known,
                         const KernelToWall& to_wall);

// A stall that lasted at `until` (kernel's clock); nothing where the thread was in a
// send() and had not waited.
std::optional<TracedStall> traced_stall(const netstall_traced_send& send, std::uint64_t until,
                                        bool run_queue_known, const KernelToWall& to_wall);
std::optional<TracedStall> traced_stall(const netstall_traced_eagain& open, std::uint64_t until,
                                        const KernelToWall& to_wall);

// Puts the totals of all programs together. The open stalls' last waits are in none
// of the kernel's sums: each is added here.
class TraceTotals {
 public:
  void add_process(const netstall_totals_key& key, const netstall_totals& totals);
  // Of processes without an entry of their own.
  void add_others(std::uint32_t kind, const netstall_totals& totals);
  // The NETSTALL_KINDS * NETSTALL_HDR_SLOTS of all kinds; after all the above.
  void add_durations(std::span<const std::uint64_t> slots);
  void add_open(const netstall_traced_send& send, std::uint64_t until);
  void add_open(const netstall_traced_eagain& open, std::uint64_t until);

  // by_cause and by_process.
  TraceSummary take();

 private:
  // Process number, name, kind.
  using Key = std::tuple<std::uint32_t, std::string, std::uint32_t>;
  TracedProcess& row(const netstall_who& who, std::uint32_t kind);
  void add(TracedProcess& row, std::uint32_t kind, const netstall_totals& totals);
  void add_open_stall(const netstall_who& who, std::uint32_t kind, std::uint64_t ns, bool before);

  std::map<Key, TracedProcess> rows_;
  std::map<std::uint32_t, TracedCause> causes_;
};

}  // namespace netstall
