#include "loadgen/own_clock.hpp"

#include <algorithm>

namespace netstall {
namespace {

std::uint64_t non_negative(std::int64_t value) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
}

// What is left of the waits and of the time after those before the window.
StallPart after_start(std::uint64_t waits, std::int64_t off_cpu_ns, const EdgeState& at_start) {
  StallPart part;
  const auto before = at_start.waits - (at_start.waiting ? 1 : 0);
  part.waits = waits > before ? waits - before : 0;
  part.unsure_waits = at_start.unsure_over;
  part.unsure_open = at_start.waits <= at_start.unsure_begun && at_start.unsure_begun > 0;
  part.counts = part.waits > 0;
  if (!part.counts) return part;
  part.time_ns = non_negative(off_cpu_ns - at_start.off_cpu_ns);
  part.open_at_start = at_start.waits > 0;
  return part;
}

// What counts, or that nothing does; with what is unsure about it.
StallPart settled(const StallPart& part) {
  StallPart result;
  if (part.counts) result = part;
  result.unsure_waits = part.unsure_waits;
  result.unsure_stall = part.unsure_waits > 0 && result.waits <= part.unsure_waits;
  result.unsure_open = part.unsure_open || result.unsure_stall;
  return result;
}

}  // namespace

StallPart part_in_window(const WaitedSend& send, const Window& window,
                         const std::optional<EdgeState>& at_start) {
  if (send.waits == 0 || send.ended_ns <= window.from || send.began_ns >= window.to) return {};
  const auto off = std::clamp<std::int64_t>(send.off_cpu_ns, 0, send.ended_ns - send.began_ns);
  StallPart part;
  part.counts = true;
  part.waits = send.waits;
  part.time_ns = non_negative(off);
  if (send.began_ns < window.from) {
    if (at_start) {
      part = after_start(send.waits, off, *at_start);
    } else {
      part.open_at_start = send.ended_ns - off < window.from;
      part.time_ns = non_negative(std::min(off, send.ended_ns - window.from));
      if (part.open_at_start) part.waits = 1;
      part.unsure_waits = send.waits;
      part.unsure_open = true;
    }
  }
  if (part.counts && send.ended_ns > window.to) {
    // Back before anybody looked at the window's end: what lies behind is cut off.
    const auto behind = non_negative(send.ended_ns - window.to);
    part.counts = part.time_ns > behind;
    part.time_ns -= std::min(part.time_ns, behind);
    part.open_at_end = true;
    part.unsure_waits = send.waits;
    part.unsure_open = true;
  }
  return settled(part);
}

StallPart open_part(std::int64_t began_ns, const EdgeState& at_end, const Window& window,
                    const std::optional<EdgeState>& at_start) {
  if (began_ns >= window.to) return {};
  StallPart part;
  if (began_ns < window.from && at_start) {
    part = after_start(at_end.waits, at_end.off_cpu_ns, *at_start);
  } else {
    part.counts = at_end.waits > 0;
    part.waits = at_end.waits;
    part.time_ns = non_negative(at_end.off_cpu_ns);
    part.open_at_start = began_ns < window.from;
    if (part.open_at_start) part.unsure_waits = at_end.waits;
  }
  part.time_ns = std::min(part.time_ns, non_negative(window.to - std::max(began_ns, window.from)));
  part.open_at_end = part.counts;
  part.unsure_waits += at_end.unsure_begun;
  part.unsure_open = part.unsure_open || (part.counts && at_end.tail);
  return settled(part);
}

StallPart part_in_window(std::int64_t began_ns, std::optional<std::int64_t> ended_ns,
                         const Window& window) {
  const auto ended = ended_ns.value_or(window.to);
  if (began_ns >= window.to || ended <= window.from) return {};
  StallPart part;
  part.counts = true;
  part.waits = 1;
  part.open_at_start = began_ns < window.from;
  part.open_at_end = !ended_ns || ended > window.to;
  part.time_ns = non_negative(std::min(ended, window.to) - std::max(began_ns, window.from));
  return part;
}

void add(OwnStalls& stalls, const StallPart& part) {
  stalls.unsure_stalls += part.unsure_stall ? 1 : 0;
  stalls.unsure_waits += part.unsure_waits;
  stalls.unsure_open += part.unsure_open ? 1 : 0;
  if (!part.counts) return;
  stalls.count += 1;
  stalls.waits += part.waits;
  stalls.time_ns += part.time_ns;
  stalls.duration.record(part.time_ns);
  stalls.open_at_start += part.open_at_start ? 1 : 0;
  stalls.open_at_end += part.open_at_end ? 1 : 0;
}

void merge(OwnStalls& stalls, const OwnStalls& other) {
  stalls.count += other.count;
  stalls.waits += other.waits;
  stalls.time_ns += other.time_ns;
  stalls.duration.merge(other.duration);
  stalls.open_at_start += other.open_at_start;
  stalls.open_at_end += other.open_at_end;
  stalls.preemptions += other.preemptions;
  stalls.unsure_stalls += other.unsure_stalls;
  stalls.unsure_waits += other.unsure_waits;
  stalls.unsure_open += other.unsure_open;
}

}  // namespace netstall
