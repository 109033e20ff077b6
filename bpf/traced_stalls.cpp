#include "bpf/traced_stalls.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

namespace netstall {
namespace {

static_assert(kCauses == NETSTALL_CAUSES);
static_assert(NETSTALL_KINDS == kCauses + kSubCauses && NETSTALL_KINDS <= NETSTALL_KIND_ROOM);
static_assert(kTraceBuckets == NETSTALL_BUCKETS);

constexpr std::uint16_t kAfInet6 = 10;

std::string text_of(const char (&comm)[NETSTALL_COMM]) {
  return {comm, ::strnlen(comm, sizeof comm)};
}

TracedAddress address_of(const __u32 (&words)[4], std::uint16_t port, std::uint16_t family) {
  TracedAddress address;
  address.family = family == kAfInet6 ? Family::ipv6 : Family::ipv4;
  static_assert(sizeof words == sizeof address.bytes);
  std::memcpy(address.bytes.data(), words, sizeof words);
  address.port = port;
  return address;
}

void fill_ends(TracedStall& stall, const netstall_ends& ends) {
  stall.local = address_of(ends.local, ends.local_port, ends.family);
  stall.peer = address_of(ends.peer, ends.peer_port, ends.family);
  stall.netns = ends.netns;
  stall.queue_bytes = ends.queue;
  stall.sndbuf_bytes = ends.sndbuf;
  stall.unsent_bytes = ends.unsent;
  stall.window_bytes = ends.window;
}

// `time_ns` by kind.
void fill_times(TracedStall& stall, const __u64* time_ns) {
  for (std::uint32_t kind = 0; kind < NETSTALL_KINDS; ++kind) {
    if (time_ns[kind] == 0) continue;
    stall.by_cause[cause_of_kind(kind)] = time_ns[kind];
    stall.duration_ns += time_ns[kind];
  }
  stall.cause = cause_of_kind(netstall_main_kind(time_ns));
}

std::int64_t signed_ns(std::uint64_t ns) {
  return static_cast<std::int64_t>(ns);
}

std::uint32_t kind_of(const netstall_verdict& verdict) {
  return std::min<std::uint32_t>(netstall_kind(verdict.cause, verdict.sub), NETSTALL_KINDS - 1);
}

struct LastWait {
  std::uint32_t kind = 0;
  std::uint64_t ns = 0;
  std::uint64_t queue_ns = 0;
};

// The wait of a send() that is not yet in its sums: over, or lasting.
std::optional<LastWait> last_wait(const netstall_traced_send& send, std::uint64_t until) {
  // One that neither lasts nor has an end never came to sleep.
  if (send.wait_from == 0 || (send.asleep == 0 && send.wait_to == 0)) return std::nullopt;
  const auto to = send.asleep != 0 ? until : send.wait_to;
  if (to <= send.wait_from) return std::nullopt;
  LastWait wait;
  wait.ns = to - send.wait_from;
  wait.kind = kind_of(netstall_decide(&send.why, wait.ns));
  wait.queue_ns = std::min<std::uint64_t>(send.queue_ns, wait.ns);
  return wait;
}

// By kind, with the last wait.
std::array<__u64, NETSTALL_KIND_ROOM> times_of(const netstall_traced_send& send,
                                               const std::optional<LastWait>& last) {
  auto times = std::to_array(send.time_ns);
  if (last) times.at(last->kind) += last->ns;
  return times;
}

}  // namespace

CausePair cause_of_kind(std::uint32_t kind) {
  if (kind < kCauses) return {static_cast<Cause>(kind), std::nullopt};
  const auto sub = static_cast<SubCause>(std::min<std::size_t>(kind - kCauses, kSubCauses - 1));
  return {cause_of(sub), sub};
}

TracedThread traced_thread(const netstall_who& who) {
  return {who.pid, who.tid, text_of(who.comm), text_of(who.process)};
}

TracedStall traced_stall(const netstall_stall_event& event, bool run_queue_known,
                         const KernelToWall& to_wall) {
  TracedStall stall;
  stall.began_wall_ns = to_wall(signed_ns(event.began));
  fill_times(stall, event.time_ns);
  stall.waits = event.waits;
  stall.io = (event.flags & NETSTALL_NONBLOCKING) != 0 ? Io::nonblocking : Io::blocking;
  stall.began_before_trace = (event.flags & NETSTALL_BEFORE) != 0;
  // What is not blocked waits for no CPU.
  if (run_queue_known && stall.io == Io::blocking) stall.run_queue_ns = event.queue_ns;
  stall.thread = traced_thread(event.who);
  fill_ends(stall, event.ends);
  return stall;
}

std::optional<TracedStall> traced_stall(const netstall_traced_send& send, std::uint64_t until,
                                        bool run_queue_known, const KernelToWall& to_wall) {
  const auto last = last_wait(send, until);
  if (!last && send.waits == 0) return std::nullopt;
  TracedStall stall;
  stall.began_wall_ns = to_wall(signed_ns(send.began != 0 ? send.began : send.wait_from));
  fill_times(stall, times_of(send, last).data());
  stall.waits = send.waits + (last ? 1U : 0U);
  if (run_queue_known) stall.run_queue_ns = send.queued_ns + (last ? last->queue_ns : 0);
  stall.began_before_trace = send.before != 0;
  stall.open = true;
  stall.thread = traced_thread(send.who);
  fill_ends(stall, send.ends);
  return stall;
}

std::optional<TracedStall> traced_stall(const netstall_traced_eagain& open, std::uint64_t until,
                                        const KernelToWall& to_wall) {
  if (open.from == 0 || until <= open.from) return std::nullopt;
  TracedStall stall;
  stall.began_wall_ns = to_wall(signed_ns(open.from));
  std::array<__u64, NETSTALL_KIND_ROOM> times{};
  times.at(kind_of(netstall_decide(&open.why, until - open.from))) = until - open.from;
  fill_times(stall, times.data());
  stall.waits = 1;
  stall.io = Io::nonblocking;
  stall.open = true;
  stall.thread = traced_thread(open.who);
  fill_ends(stall, open.ends);
  return stall;
}

TracedProcess& TraceTotals::row(const netstall_who& who, std::uint32_t kind) {
  auto name = text_of(who.process);
  auto& row = rows_[{who.pid, name, kind}];
  row.pid = who.pid;
  row.process = std::move(name);
  row.cause = cause_of_kind(kind);
  return row;
}

void TraceTotals::add(TracedProcess& row, std::uint32_t kind, const netstall_totals& totals) {
  TracedCount count;
  count.stalls = totals.stalls;
  count.waits = totals.waits;
  count.time_ns = totals.time_ns;
  count.run_queue_ns = totals.queue_ns;
  count.longest_ns = totals.longest;
  count.began_before = totals.before;
  row.count.merge(count);
  for (std::size_t i = 0; i < row.buckets.size(); ++i) row.buckets.at(i) += totals.buckets[i];
  causes_[kind].count.merge(count);
}

void TraceTotals::add_process(const netstall_totals_key& key, const netstall_totals& totals) {
  netstall_who who{};
  who.pid = key.pid;
  std::memcpy(who.process, key.process, sizeof who.process);
  add(row(who, key.kind), key.kind, totals);
}

void TraceTotals::add_others(std::uint32_t kind, const netstall_totals& totals) {
  if (totals.stalls == 0 && totals.waits == 0) return;
  add(row(netstall_who{}, kind), kind, totals);
}

void TraceTotals::add_durations(std::span<const std::uint64_t> slots) {
  for (std::uint32_t kind = 0; kind < NETSTALL_KINDS; ++kind) {
    const auto of_kind = slots.subspan(std::size_t{kind} * NETSTALL_HDR_SLOTS, NETSTALL_HDR_SLOTS);
    for (std::size_t i = 0; i < of_kind.size(); ++i) {
      if (of_kind[i] != 0) causes_[kind].duration.add_slot(i, of_kind[i]);
    }
  }
}

void TraceTotals::add_open_stall(const netstall_who& who, std::uint32_t kind, std::uint64_t ns,
                                 bool before) {
  TracedCount count;
  count.stalls = 1;
  count.longest_ns = ns;
  count.began_before = before ? 1 : 0;
  count.open = 1;
  auto& process = row(who, kind);
  process.count.merge(count);
  ++process.buckets.at(trace_bucket(ns));
  auto& cause = causes_[kind];
  cause.count.merge(count);
  cause.duration.record(ns);
}

void TraceTotals::add_open(const netstall_traced_send& send, std::uint64_t until) {
  const auto last = last_wait(send, until);
  if (!last && send.waits == 0) return;
  if (last) {
    TracedCount wait;
    wait.waits = 1;
    wait.time_ns = last->ns;
    wait.run_queue_ns = last->queue_ns;
    row(send.who, last->kind).count.merge(wait);
    causes_[last->kind].count.merge(wait);
  }
  const auto times = times_of(send, last);
  std::uint64_t ns = 0;
  for (const auto time : times) ns += time;
  add_open_stall(send.who, netstall_main_kind(times.data()), ns, send.before != 0);
}

void TraceTotals::add_open(const netstall_traced_eagain& open, std::uint64_t until) {
  if (open.from == 0 || until <= open.from) return;
  const auto ns = until - open.from;
  const auto kind = kind_of(netstall_decide(&open.why, ns));
  TracedCount wait;
  wait.waits = 1;
  wait.time_ns = ns;
  row(open.who, kind).count.merge(wait);
  causes_[kind].count.merge(wait);
  add_open_stall(open.who, kind, ns, false);
}

TraceSummary TraceTotals::take() {
  TraceSummary summary;
  for (auto& [kind, cause] : causes_) {
    summary.by_cause.emplace(cause_of_kind(kind), std::move(cause));
  }
  for (auto& [key, row] : rows_) summary.by_process.push_back(std::move(row));
  std::stable_sort(summary.by_process.begin(), summary.by_process.end(),
                   [](const TracedProcess& left, const TracedProcess& right) {
                     return left.count.time_ns > right.count.time_ns;
                   });
  rows_.clear();
  causes_.clear();
  return summary;
}

}  // namespace netstall
