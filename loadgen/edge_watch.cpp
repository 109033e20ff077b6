#include "loadgen/edge_watch.hpp"

#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <array>

#include "base/clock.hpp"
#include "loadgen/futex.hpp"

namespace netstall {
namespace {

// Without logs it wakes this much before an edge, and spins for the rest.
constexpr std::int64_t kSpinNs = 200'000;
// Before an edge, to open logs and to see where all senders stand: for a thousand
// of them some 40 ms. Some more, for a busy machine lets us wait for a CPU.
constexpr std::int64_t kLeadNs = 500'000'000;
constexpr std::int64_t kLeadPerThreadNs = 60'000;
// For a look at a thread's status before an edge.
constexpr std::int64_t kStatusNs = 15'000;
// A thread that runs on while its status is read is looked at again.
constexpr int kAttempts = 4;

constexpr std::size_t kStart = 0;
constexpr std::size_t kEnd = 1;

}  // namespace

// One thread at one edge.
struct EdgeWatch::Look {
  std::optional<SwitchLog> log;
  // When the log had begun.
  std::optional<ThreadStatus> first;
  std::int64_t first_from_ns = 0;
  std::int64_t first_to_ns = 0;
  EdgeReadings readings;
  std::int64_t began = 0;  // the send() that it was seen in; 0: none that the edge cuts
  SwitchHistory history;

  // In the send() that it was seen in; else in one that was over by then.
  EdgeState seen() const {
    auto state = edge_state(history, readings.edge_ns, so_far(readings, began), unlogged(true));
    if (!state) return edge_state(readings);
    // A sleep that began while the status was read may be in it, or not.
    const auto unsure = sleeps(readings.status_from_ns, readings.status_to_ns) + missing();
    state->unsure_begun += unsure;
    state->unsure_over += unsure;
    return *state;
  }
  std::optional<EdgeState> of(const WaitedSend& send) const {
    if (send.began_ns == began && send.ended_ns > readings.status_to_ns) return seen();
    return edge_state(history, readings.edge_ns,
                      {send.began_ns, send.ended_ns, send.waits, send.off_cpu_ns}, unlogged(false));
  }

 private:
  UnloggedState unlogged(bool seen) const {
    return {first && first->asleep, seen && readings.cpu_first_ns == readings.cpu_last_ns};
  }
  std::uint64_t sleeps(std::int64_t from, std::int64_t to) const {
    std::uint64_t count = 0;
    for (const auto& event : history.switches) {
      if (event.kind == SwitchKind::slept && event.at_ns >= from && event.at_ns <= to) ++count;
    }
    return count;
  }
  // How many sleeps the log lacks by the kernel's own count of them.
  std::uint64_t missing() const {
    if (!first || !history.covers(first_from_ns, readings.status_to_ns)) return 0;
    const auto counted = readings.status.waits - first->waits;
    const auto logged = sleeps(first_from_ns, readings.status_to_ns);
    const auto vague =
        sleeps(first_from_ns, first_to_ns) + sleeps(readings.status_from_ns, readings.status_to_ns);
    if (counted > logged) return counted - logged;
    return logged > counted + vague ? logged - counted - vague : 0;
  }
};

struct EdgeWatch::Watched {
  BlockingSenders* senders;
  SenderThread* thread;
  std::array<Look, 2> looks;
};

EdgeWatch::EdgeWatch(const std::vector<BlockingSenders*>& watched, const Window& window)
    : window_(window) {
  std::size_t threads = 0;
  for (auto* senders : watched) threads += senders->threads().size();
  watched_.reserve(threads);
  for (auto* senders : watched) {
    for (auto& thread : senders->threads()) {
      auto& each = watched_.emplace_back(Watched{senders, &thread, {}});
      each.looks[kStart].readings.edge_ns = window.from;
      each.looks[kEnd].readings.edge_ns = window.to;
    }
  }
  thread_ = std::thread([this] { run(); });
}

EdgeWatch::~EdgeWatch() {
  ending_ = 1;
  futex_wake(ending_);
  if (thread_.joinable()) thread_.join();
}

void EdgeWatch::finish() {
  if (thread_.joinable()) thread_.join();
}

void EdgeWatch::run() {
  ::prctl(PR_SET_NAME, "netstall-edge");
  // While there is one log the kernel need not be made ready for the others, which
  // takes tens of milliseconds.
  const auto keeper = SwitchLog::of(::gettid());
  const auto lead = kLeadNs + kLeadPerThreadNs * static_cast<std::int64_t>(watched_.size());
  for (const std::size_t edge : {kStart, kEnd}) {
    const auto edge_ns = edge == kStart ? window_.from : window_.to;
    if (!sleep_until(edge_ns - lead)) return;
    if (!(approach(edge) ? sleep_until(edge_ns) : spin_until(edge_ns))) return;
    look_at(edge);
    for (auto& watched : watched_) {
      if (edge == kStart) {
        tell_senders(watched);
      } else {
        count_open(watched);
      }
    }
  }
  for (auto& watched : watched_) count_cut(watched);
}

bool EdgeWatch::sleep_until(std::int64_t at_ns) {
  while (ending_ == 0 && mono_now().ns < at_ns) futex_wait_until(ending_, 0, at_ns);
  return ending_ == 0;
}

bool EdgeWatch::spin_until(std::int64_t at_ns) {
  if (!sleep_until(at_ns - kSpinNs)) return false;
  while (ending_ == 0 && mono_now().ns < at_ns) {
  }
  return ending_ == 0;
}

bool EdgeWatch::approach(std::size_t edge) {
  std::int64_t without = 0;
  for (auto& [senders, thread, looks] : watched_) {
    auto& look = looks[edge];
    look.log = SwitchLog::of(thread->tid());
    if (!look.log) {
      ++without;
    } else {
      look.first_from_ns = mono_now().ns;
      look.first = looker_.status(*thread);
      look.first_to_ns = mono_now().ns;
    }
  }
  if (without == 0) return true;
  const auto edge_ns = watched_.front().looks[edge].readings.edge_ns;
  if (!spin_until(edge_ns - kStatusNs * without)) return false;
  for (auto& [senders, thread, looks] : watched_) {
    if (looks[edge].log) continue;
    auto& readings = looks[edge].readings;
    readings.cpu_before_ns = ThreadLooker::cpu_time(*thread);
    readings.status_before = looker_.status(*thread);
    if (ThreadLooker::cpu_time(*thread) != readings.cpu_before_ns) readings.status_before.reset();
  }
  return false;
}

void EdgeWatch::look_at(std::size_t edge) {
  // All of them first by what is quick, so that without logs, too, a thousand
  // senders are seen within a millisecond of the edge.
  for (auto& [senders, thread, looks] : watched_) {
    auto& look = looks[edge];
    const auto began = thread->word.sending_since();
    if (began == 0 || began >= look.readings.edge_ns) continue;
    look.began = began;
    look.readings.cpu_first_ns = ThreadLooker::cpu_time(*thread);
    look.readings.at_ns = mono_now().ns;
    look.readings.cpu_second_ns = ThreadLooker::cpu_time(*thread);
  }
  look_closely(edge);
  for (auto& watched : watched_) {
    auto& look = watched.looks[edge];
    if (look.log) look.history = look.log->take();
    look.log.reset();
  }
}

void EdgeWatch::look_closely(std::size_t edge) {
  for (auto& [senders, thread, looks] : watched_) {
    auto& look = looks[edge];
    auto& readings = look.readings;
    if (look.began == 0) continue;
    std::optional<ThreadStatus> status;
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      const auto cpu = ThreadLooker::cpu_time(*thread);
      readings.status_from_ns = mono_now().ns;
      status = looker_.status(*thread);
      readings.base_waits = thread->base.waits;
      readings.base_off_cpu_ns = thread->base.off_cpu_ns;
      readings.cpu_last_ns = ThreadLooker::cpu_time(*thread);
      readings.status_to_ns = mono_now().ns;
      if (cpu == readings.cpu_last_ns) break;
    }
    // Back meanwhile: what was read is of no one send().
    if (!status || !thread->word.still(look.began)) {
      look.began = 0;
      continue;
    }
    readings.status = *status;
  }
}

void EdgeWatch::tell_senders(Watched& watched) {
  auto& thread = *watched.thread;
  const auto& look = watched.looks[kStart];
  if (look.began == 0) return;
  const auto state = look.seen();
  if (!thread.word.still(look.began)) return;
  thread.start_look.state = state;
  thread.start_look.of_send.store(look.began, std::memory_order_release);
}

void EdgeWatch::count_open(Watched& watched) {
  auto& thread = *watched.thread;
  const auto& look = watched.looks[kEnd];
  if (look.began == 0) return;
  const auto state = look.seen();
  if (!thread.word.claim(look.began)) return;
  const auto& start = watched.looks[kStart];
  const auto at_start = start.began == look.began ? std::optional(start.seen()) : std::nullopt;
  watched.senders->count_cut(open_part(look.began, state, window_, at_start), 0);
}

void EdgeWatch::count_cut(Watched& watched) {
  auto& thread = *watched.thread;
  while (thread.word.accounting(window_.to)) ::sched_yield();
  const auto& [start, end] = watched.looks;
  const auto& cut = thread.cut;
  if (cut.at_start) {
    const auto part = part_in_window(*cut.at_start, window_, start.of(*cut.at_start));
    watched.senders->count_cut(part, cut.at_start->preemptions);
  }
  if (!cut.at_end) return;
  const auto& send = *cut.at_end;
  const auto at_start = send.began_ns < window_.from ? start.of(send) : std::nullopt;
  const auto at_end = end.of(send);
  watched.senders->count_cut(at_end ? open_part(send.began_ns, *at_end, window_, at_start)
                                    : part_in_window(send, window_, at_start),
                             send.preemptions);
}

}  // namespace netstall
