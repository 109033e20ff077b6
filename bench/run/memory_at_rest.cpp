#include "bench/run/memory_at_rest.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <memory>
#include <utility>

#include "bench/observe/tcp_memory.hpp"

namespace netstall {
namespace {

constexpr int kStepMs = 20;  // between two readings: no descriptor tells

}  // namespace

MemoryAtRest::MemoryAtRest(std::function<std::int64_t()> pages, std::int64_t slack)
    : pages_(std::move(pages)), before_(pages_()), slack_(slack) {}

void MemoryAtRest::settle(const Interrupts& interrupts, Nanoseconds patience,
                          Nanoseconds deadline) {
  fall_to(slack_, interrupts, patience, deadline, before_);
}

std::optional<std::string> MemoryAtRest::await(const Interrupts& interrupts, Nanoseconds patience,
                                               Nanoseconds deadline) {
  auto lowest = pages_();
  if (fall_to(before_ + slack_, interrupts, patience, deadline, lowest)) return std::nullopt;
  return fmt::format(
      "TCP holds {} pages more than when this run began: the next repetition begins with them",
      lowest - before_);
}

// Whether the lowest came down to `enough`, or a signal is pending.
bool MemoryAtRest::fall_to(std::int64_t enough, const Interrupts& interrupts, Nanoseconds patience,
                           Nanoseconds deadline, std::int64_t& lowest) const {
  const auto begun = mono_now();
  auto fell = begun;
  while (lowest > enough) {
    pollfd signal{interrupts.fd(), POLLIN, 0};
    if (::poll(&signal, 1, kStepMs) > 0) return true;
    const auto now = mono_now();
    const auto pages = pages_();
    if (pages < lowest) {
      lowest = pages;
      fell = now;
    }
    if (lowest > enough && (now - fell >= patience || now - begun >= deadline)) return false;
  }
  return true;
}

MemoryAtRest tcp_memory_at_rest() {
  constexpr std::int64_t kReserve = 256;  // net.core.mem_pcpu_rsv
  const auto cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  const auto memory = std::make_shared<TcpMemory>();
  return {[memory] { return memory->pages(); }, kReserve * (cpus > 0 ? cpus : 1)};
}

}  // namespace netstall
