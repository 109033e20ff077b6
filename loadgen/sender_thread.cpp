#include "loadgen/sender_thread.hpp"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/error.hpp"
#include "loadgen/futex.hpp"

namespace netstall {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackBytes = std::size_t{512} << 10;
#else
constexpr std::size_t kStackBytes = std::size_t{64} << 10;
#endif

bool join_within(pthread_t thread, Nanoseconds left) noexcept {
#ifdef __SANITIZE_THREAD__
  // It knows of no other that has a deadline, and would take all the thread did for a race.
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += left.count() / 1'000'000'000 + 1;
  return ::pthread_timedjoin_np(thread, nullptr, &time) == 0;
#else
  const auto until = mono_now() + left;
  const timespec time{until.ns / 1'000'000'000, until.ns % 1'000'000'000};
  return ::pthread_clockjoin_np(thread, nullptr, CLOCK_MONOTONIC, &time) == 0;
#endif
}

}  // namespace

// One send() that returned.
struct SenderThread::Call {
  std::int64_t began;
  std::int64_t ended;
  bool took_bytes;
  bool claimed;                               // its stall is another's to count
  std::optional<std::int64_t> message_since;  // it completed a message that counts from then
};

SenderThread::SenderThread(const SenderPlan& plan, Fd socket, std::uint32_t index,
                           std::uint64_t sizes)
    : plan_(plan), socket_(std::move(socket)), index_(index), sizes_(sizes) {}

void SenderThread::begin() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  const int error = ::pthread_create(&thread_, &attributes, &SenderThread::main, this);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    throw_errno("start a sender's thread", error,
                "fewer blocking connections, or a higher limit of processes (ulimit -u, "
                "kernel.pid_max, vm.max_map_count)");
  }
  begun_ = true;
  ::pthread_getcpuclockid(thread_, &cpu_clock_);
}

void* SenderThread::main(void* self) {
  ::prctl(PR_SET_NAME, "netstall-send");
  static_cast<SenderThread*>(self)->run();
  return nullptr;
}

void SenderThread::command(Command command) noexcept {
  command_.store(command, std::memory_order_release);
  futex_wake(command_);
}

void SenderThread::stop() noexcept {
  command(kStop);
  ::shutdown(socket_.get(), SHUT_RDWR);
}

bool SenderThread::join(const Deadline& deadline) noexcept {
  if (!begun_) return true;
  if (!join_within(thread_, deadline.left())) return false;
  begun_ = false;
  socket_.reset();
  return true;
}

bool SenderThread::pause_until(std::int64_t due_ns) noexcept {
  while (!stopping() && mono_now().ns < due_ns) futex_wait_until(command_, kGo, due_ns);
  return !stopping();
}

void SenderThread::run() {
  SendClock clock(SwitchGate(), base);
  exact_gate_.store(clock.exact(), std::memory_order_relaxed);
  tid_.store(::gettid(), std::memory_order_release);
  while (command_.load(std::memory_order_acquire) == kWait) futex_wait(command_, kWait);
  if (!pause_until(plan_.traffic_from)) return;
  auto now = mono_now().ns;
  auto place = plan_.pacer ? plan_.pacer->first(index_, plan_.connections) : PacePlace{};
  for (std::uint64_t message = 0; !stopping(); ++message) {
    auto counts_from = now;
    if (plan_.pacer) {
      counts_from = plan_.pacer->due(place);
      plan_.pacer->advance(place);
      if (now < counts_from) {
        if (!pause_until(counts_from)) return;
        now = mono_now().ns;
      }
    }
    if (!send_message(clock, now, counts_from, plan_.sizes.of(sizes_, message))) return;
  }
}

bool SenderThread::send_message(SendClock& clock, std::int64_t& now, std::int64_t counts_from,
                                std::size_t size) {
  std::size_t offset = 0;
  while (offset < size) {
    if (clock.before(now)) now = mono_now().ns;
    const auto began = now;
    word.enter(began);
    const ssize_t sent =
        ::send(socket_.get(), plan_.payload.data() + offset, size - offset, MSG_NOSIGNAL);
    const int error_number = sent < 0 ? errno : 0;
    now = mono_now().ns;
    // Before clock.after(), which moves the base that a looker compares with.
    Call call{began, now, sent > 0, !word.leave(began), std::nullopt};
    if (sent > 0) offset += static_cast<std::size_t>(sent);
    if (sent > 0 && offset == size) {
      call.message_since = counts_from;
      if (call.ended < plan_.window.to) {
        accepted_.store(accepted_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      }
    }
    // The books take microseconds after a wait; the next send() begins after them.
    if (account(call, clock)) now = mono_now().ns;
    word.idle();
    if (error_number != 0 && error_number != EINTR) {
      // What stop() itself brings about is no error.
      if (!stopping()) error_.store(error_number, std::memory_order_relaxed);
      return false;
    }
  }
  return true;
}

StallPart SenderThread::part_of(const WaitedSend& waited) {
  const auto& window = plan_.window;
  const auto spans = [&](std::int64_t edge) {
    return waited.began_ns < edge && waited.ended_ns > edge;
  };
  if (spans(window.to)) {
    cut.at_end = waited;
    return {};
  }
  if (!spans(window.from)) return part_in_window(waited, window, std::nullopt);
  if (start_look.of_send.load(std::memory_order_acquire) == waited.began_ns) {
    return part_in_window(waited, window, start_look.state);
  }
  cut.at_start = waited;
  return {};
}

bool SenderThread::account(const Call& call, SendClock& clock) {
  const auto waited = clock.after(call.began, call.ended);
  StallPart part;
  if (waited && !call.claimed) part = part_of(*waited);
  const bool counts = plan_.window.contains(call.ended);
  const bool stalled = part.counts || part.unsure_waits > 0 || part.unsure_open;
  if (!counts && !stalled) return waited.has_value();
  plan_.tally->record([&](SendTally& tally) {
    if (stalled) {
      add(tally.stalls, part);
      tally.stalls.preemptions += waited->preemptions;
    }
    if (!counts) return;
    if (call.took_bytes)
      tally.send_call.record(static_cast<std::uint64_t>(call.ended - call.began));
    if (!call.message_since) return;
    ++tally.messages;
    const auto latency = std::max<std::int64_t>(call.ended - *call.message_since, 0);
    tally.send_latency.record(static_cast<std::uint64_t>(latency));
  });
  return waited.has_value();
}

}  // namespace netstall
