#include "loadgen/send_clock.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <ctime>

#include "base/clock.hpp"

namespace netstall {
namespace {

constexpr std::int64_t kRebaseNs = 1'000'000;
// Longer than the two readings of a base take, shorter than most preemptions.
constexpr std::int64_t kOneReadingNs = 20'000;

struct Switches {
  std::uint64_t voluntary;
  std::uint64_t involuntary;
};

Switches switches_of_this_thread() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return {static_cast<std::uint64_t>(usage.ru_nvcsw), static_cast<std::uint64_t>(usage.ru_nivcsw)};
}

std::int64_t cpu_time_of_this_thread() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

}  // namespace

SendClock::SendClock(SwitchGate gate, SwitchBase& base) : gate_(gate), base_(base) {
  rebase();
}

void SendClock::rebase() {
  // A switch between the readings would spoil the base: then once more.
  for (int attempt = 0; attempt < 3; ++attempt) {
    gate_.arm();
    const auto switches = switches_of_this_thread();
    const auto began = mono_now().ns;
    const auto cpu = cpu_time_of_this_thread();
    read_at_ = mono_now().ns;
    waits_ = switches.voluntary;
    preemptions_ = switches.involuntary;
    off_cpu_ns_ = read_at_ - cpu;
    readings_ += 2;
    // Without rseq only the time tells.
    if (gate_.exact() ? !gate_.switched() : read_at_ - began < kOneReadingNs) break;
  }
  gate_.arm();
  stale_ = false;
  // A looker that sees the new base must see that the send() before is over.
  std::atomic_thread_fence(std::memory_order_release);
  base_.waits.store(waits_, std::memory_order_relaxed);
  base_.off_cpu_ns.store(off_cpu_ns_, std::memory_order_relaxed);
}

bool SendClock::before(std::int64_t now) {
  const bool switched = gate_.exact() ? gate_.switched() : now - last_end_ >= kSwitchFloorNs;
  if (!switched && !stale_ && now - read_at_ < kRebaseNs) return false;
  rebase();
  return true;
}

std::optional<WaitedSend> SendClock::after(std::int64_t began, std::int64_t ended) {
  last_end_ = ended;
  const bool switched = gate_.exact() ? gate_.switched() : ended - began >= kSwitchFloorNs;
  if (!switched) return std::nullopt;
  const auto waits = waits_;
  const auto preemptions = preemptions_;
  const auto off_cpu = off_cpu_ns_;
  // One question first: most switches are involuntary, or none without rseq.
  const auto now = switches_of_this_thread();
  ++readings_;
  if (now.voluntary == waits) {
    stale_ = now.involuntary != preemptions;
    gate_.arm();
    return std::nullopt;
  }
  rebase();
  // A preemption between the send() and the readings must not make it longer.
  const auto off = std::clamp<std::int64_t>(off_cpu_ns_ - off_cpu, 0, ended - began);
  return WaitedSend{began, ended, now.voluntary - waits, off, now.involuntary - preemptions};
}

}  // namespace netstall
