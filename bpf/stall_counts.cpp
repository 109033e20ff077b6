#include "bpf/stall_counts.hpp"

#include <algorithm>
#include <utility>

namespace netstall {
namespace {

// The array has a slot for each value; what the kernel saw exactly is the longest.
void add_slots(Histogram& histogram, std::span<const std::uint64_t> slots, std::uint64_t longest) {
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] != 0) histogram.add_slot(i, slots[i]);
  }
  if (histogram.empty()) return;
  const std::uint64_t lowest_of_last =
      netstall_hdr_lowest_of_index(netstall_hdr_index_of(*histogram.max()));
  const auto max = std::clamp(longest, lowest_of_last, *histogram.max());
  histogram.restore_bounds(std::min(*histogram.min(), max), max, 0);
}

void merge(StallCount& into, const StallCount& from) {
  into.count += from.count;
  into.waits += from.waits;
  into.time_ns += from.time_ns;
  into.run_queue_ns += from.run_queue_ns;
  into.open_at_start += from.open_at_start;
  into.open_at_end += from.open_at_end;
  into.duration.merge(from.duration);
  into.wait->merge(*from.wait);
}

}  // namespace

void StallCounts::add_counted(std::uint32_t flow, std::span<const netstall_sums> sums,
                              std::span<const netstall_sub_sums> sub_sums,
                              std::span<const std::uint64_t> slots) {
  for (std::uint32_t sub = 0; sub < NETSTALL_SUBS; ++sub) {
    const auto& sum = sub_sums[netstall_sub_key(flow, sub)];
    by_sub_.at(sub).merge({sum.waits, sum.time_ns});
  }
  for (std::uint32_t cause = 0; cause < kCauses; ++cause) {
    auto& count = by_cause_[cause];
    const auto& sum = sums[netstall_sums_key(flow, cause)];
    count.count += sum.stalls;
    count.waits += sum.waits;
    count.time_ns += sum.time_ns;
    count.run_queue_ns += sum.queue_ns;
    count.open_at_start += sum.open_at_start;
    const auto of = [&](std::uint32_t kind) {
      return slots.subspan(netstall_first_slot(flow, cause, kind), Histogram::kSlots);
    };
    add_slots(count.duration, of(NETSTALL_OF_STALLS), sum.longest_stall);
    if (!count.wait) count.wait.emplace();
    add_slots(*count.wait, of(NETSTALL_OF_WAITS), sum.longest_wait);
  }
}

void StallCounts::add_wait(const netstall_verdict& verdict, const netstall_part& part) {
  by_sub_.at(verdict.sub).merge({1, part.time_ns});
  auto& count = by_cause_.at(verdict.cause);
  ++count.waits;
  count.time_ns += part.time_ns;
  count.run_queue_ns += part.queue_ns;
  if (!count.wait) count.wait.emplace();
  count.wait->record(part.time_ns);
}

void StallCounts::add_stall(std::uint32_t cause, std::uint64_t time_ns, bool open_at_start) {
  auto& count = by_cause_.at(cause);
  ++count.count;
  if (open_at_start) ++count.open_at_start;
  ++count.open_at_end;
  count.duration.record(time_ns);
}

void StallCounts::add_open(const netstall_send& send, const BpfWindow& window) {
  auto times = std::to_array(send.time_ns);
  bool waited = send.waits > 0;
  std::uint64_t began = send.began;
  // One that neither lasts nor has an end never came to sleep.
  if (send.wait_from != 0 && (send.asleep != 0 || send.wait_to != 0)) {
    // Neither ended nor clipped by a program: none runs after the window.
    const auto to = send.wait_to != 0 ? send.wait_to : window.to;
    const auto part = netstall_clip(send.wait_from, to, send.queue_ns, window.from, window.to);
    if (part.time_ns > 0) {
      const auto verdict = netstall_decide(&send.why, to - send.wait_from);
      add_wait(verdict, part);
      times.at(verdict.cause) += part.time_ns;
      waited = true;
    }
    if (began == 0) began = send.wait_from;
  }
  if (!waited) return;
  std::uint64_t time_ns = 0;
  for (std::uint32_t cause = 0; cause < kCauses; ++cause) time_ns += times.at(cause);
  add_stall(netstall_main_cause(times.data()), time_ns, began < window.from);
}

void StallCounts::add_open(const netstall_eagain& eagain, const BpfWindow& window) {
  const auto part = netstall_clip(eagain.from, window.to, 0, window.from, window.to);
  if (part.time_ns == 0) return;
  const auto verdict = netstall_decide(&eagain.why, window.to - eagain.from);
  add_wait(verdict, part);
  add_stall(verdict.cause, part.time_ns, eagain.from < window.from);
}

Stalls StallCounts::take(bool run_queue_known, std::span<const Cause> cannot_tell) {
  Stalls stalls;
  stalls.run_queue_known = run_queue_known;
  stalls.total.wait.emplace();
  for (std::size_t i = 0; i < kCauses; ++i) {
    auto& count = by_cause_.at(i);
    if (!count.wait) count.wait.emplace();
    merge(stalls.total, count);
    stalls.by_cause[static_cast<Cause>(i)] = std::exchange(count, {});
  }
  for (const auto cause : cannot_tell) stalls.by_cause[cause].reset();
  for (std::size_t i = 0; i < kSubCauses; ++i) {
    stalls.by_sub_cause[static_cast<SubCause>(i)] = by_sub_.at(i + 1);
  }
  return stalls;
}

}  // namespace netstall
