#include "loadgen/edge_state.hpp"

#include <algorithm>

namespace netstall {
namespace {

// What a thread's switches say of a send() and an edge in it.
struct Sorted {
  std::uint64_t sleeps_after = 0;
  std::int64_t off_after_ns = 0;
  const Switch* before = nullptr;  // the last in the send() up to the edge
  const Switch* after = nullptr;   // the first after it
  std::uint64_t near_sleeps = 0;
  std::uint64_t near_wakes = 0;
};

bool is_near(const Switch& event, std::int64_t edge_ns) noexcept {
  const auto after = event.kind == SwitchKind::ran ? kRanAfterEdgeNs : kSleptAfterEdgeNs;
  return event.at_ns >= edge_ns - kBeforeEdgeNs && event.at_ns <= edge_ns + after;
}

Sorted sort(const SwitchHistory& history, std::int64_t edge_ns, const SendSoFar& so_far) {
  Sorted sorted;
  for (const auto& event : history.switches) {
    if (event.at_ns < so_far.began_ns || event.at_ns > so_far.until_ns) continue;
    if (is_near(event, edge_ns)) {
      sorted.near_sleeps += event.kind == SwitchKind::slept ? 1 : 0;
      sorted.near_wakes += event.kind == SwitchKind::ran ? 1 : 0;
    }
    if (event.at_ns <= edge_ns) {
      sorted.before = &event;
      continue;
    }
    if (sorted.after == nullptr) sorted.after = &event;
    if (event.kind == SwitchKind::slept) ++sorted.sleeps_after;
    // Off from here, or until here: sums to what lies between.
    sorted.off_after_ns += event.kind == SwitchKind::ran ? event.at_ns : -event.at_ns;
  }
  return sorted;
}

}  // namespace

std::optional<EdgeState> edge_state(const SwitchHistory& history, std::int64_t edge_ns,
                                    const SendSoFar& so_far, const UnloggedState& unlogged) {
  if (!history.covers(edge_ns, so_far.until_ns)) return std::nullopt;
  const auto sorted = sort(history, edge_ns, so_far);
  const auto* last = history.switches.empty() ? nullptr : &history.switches.back();
  for (const auto& event : history.switches) {
    if (event.at_ns <= so_far.until_ns) last = &event;
  }
  EdgeState state;
  state.waits = so_far.waits - std::min(so_far.waits, sorted.sleeps_after);
  state.unsure_begun = sorted.near_sleeps;
  state.unsure_over = sorted.near_wakes;

  bool off = false;
  if (sorted.before != nullptr) {
    off = sorted.before->kind != SwitchKind::ran;
    state.waiting = sorted.before->kind == SwitchKind::slept;
  } else if (so_far.began_ns < history.from_ns) {
    // No switch from the log's beginning to the edge: off through both, or not.
    off = sorted.after != nullptr ? sorted.after->kind == SwitchKind::ran
                                  : unlogged.asleep_first || unlogged.off_when_seen;
    state.waiting = off && state.waits > 0;
    // Not asleep at first, it may have been preempted as well as woken.
    if (state.waits > 0 && !unlogged.asleep_first) ++state.unsure_over;
  }
  auto off_after = sorted.off_after_ns;
  // The sum lacks the edge where the thread was off there, and the end likewise.
  if (off) off_after -= edge_ns;
  const bool off_at_end = sorted.after == nullptr ? off : last->kind != SwitchKind::ran;
  if (off_at_end) off_after += so_far.until_ns;
  state.off_cpu_ns = std::max<std::int64_t>(so_far.off_cpu_ns - off_after, 0);
  // After the last wait another clock may have the send() end before the edge.
  state.tail = !state.waiting && sorted.sleeps_after == 0 && state.waits > 0;
  return state;
}

EdgeState edge_state(const EdgeReadings& readings) noexcept {
  EdgeState state;
  const bool running = readings.cpu_first_ns != readings.cpu_second_ns;
  const bool ran_since = readings.cpu_second_ns != readings.cpu_last_ns;
  state.waits = readings.status.waits - readings.base_waits;
  const bool before_known = readings.status_before.has_value();
  if (running || ran_since || !before_known || readings.cpu_before_ns != readings.cpu_first_ns) {
    // All that began between the looks, and the one before.
    const auto known = before_known ? std::max(readings.base_waits, readings.status_before->waits)
                                    : readings.base_waits;
    state.unsure_begun = state.unsure_over = readings.status.waits - known + 1;
    state.tail = true;
  }
  // It ran after the edge: the sleep that it is in now began later.
  if (ran_since && readings.status.asleep && state.waits > 0) --state.waits;
  state.waiting = !running && state.waits > 0;
  // A thread that waits did so since the edge, too.
  const auto since_edge = state.waiting ? readings.at_ns - readings.edge_ns : 0;
  state.off_cpu_ns = std::max<std::int64_t>(
      readings.at_ns - readings.cpu_first_ns - readings.base_off_cpu_ns - since_edge, 0);
  return state;
}

SendSoFar so_far(const EdgeReadings& readings, std::int64_t began_ns) noexcept {
  return {began_ns, readings.status_to_ns, readings.status.waits - readings.base_waits,
          readings.status_to_ns - readings.cpu_last_ns - readings.base_off_cpu_ns};
}

}  // namespace netstall
