#include "loadgen/switch_gate.hpp"

#include <sys/resource.h>
#include <sys/rseq.h>
#include <time.h>

#include <bit>

namespace netstall {
namespace {

// Where a real critical section would be resumed: the kernel insists on the
// signature in front of it. Data, not code: nothing ever runs here.
struct Landing {
  std::uint32_t section = 0;
  std::uint32_t signature = RSEQ_SIG;
  std::uint32_t abort = 0;
};
constexpr Landing kLanding;

struct rseq_cs make_section() {
  struct rseq_cs section {};
  section.start_ip = std::bit_cast<std::uintptr_t>(&kLanding.section);
  section.post_commit_offset = 1;
  section.abort_ip = std::bit_cast<std::uintptr_t>(&kLanding.abort);
  return section;
}

long voluntary_switches() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

volatile std::uint64_t* announcement_of_this_thread() {
  if (__rseq_size == 0) return nullptr;
  auto* thread = static_cast<char*>(__builtin_thread_pointer());
  auto* area = static_cast<struct rseq*>(static_cast<void*>(thread + __rseq_offset));
  static_assert(sizeof area->rseq_cs == sizeof(std::uint64_t));
  return reinterpret_cast<volatile std::uint64_t*>(&area->rseq_cs);
}

}  // namespace

std::uint64_t SwitchGate::section() noexcept {
  alignas(32) static const struct rseq_cs kSection = make_section();
  return std::bit_cast<std::uintptr_t>(&kSection);
}

SwitchGate::SwitchGate() : announced_(announcement_of_this_thread()) {
  if (announced_ == nullptr) return;
  // A kernel may leave the announcement alone when it returns from a system call
  // (a section that makes one is a fault of the program); then only time can tell.
  const timespec moment{0, 20'000};
  for (int attempt = 0; attempt < 10; ++attempt) {
    const auto before = voluntary_switches();
    arm();
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &moment, nullptr);
    // A timer that fires early enough finds the thread still on the CPU.
    if (voluntary_switches() == before) continue;
    if (!switched()) break;
    arm();
    return;
  }
  announced_ = nullptr;
}

}  // namespace netstall
