#include "bpf/run_queue.hpp"

#include "bpf/run_queue.h"
#include "bpf/spells.hpp"
#include "run_queue.skel.h"

namespace netstall {
namespace {

class RunQueue : public SpellProbe<run_queue_bpf> {
 public:
  RunQueue(SkeletonOf<run_queue_bpf> skeleton, const KernelProbeOptions& told, ProbeVariant variant)
      : SpellProbe(std::move(skeleton), told, std::move(variant), side_names(), "delay") {}
};

// Threads in the namespaces beside the workers' own: netstall's, which look into them.
constexpr std::uint32_t kOtherThreads = 64;

auto prepare_for(const KernelProbeOptions& options) {
  return [threads = options.threads](run_queue_bpf& skeleton) {
    // A delay is known when it is over: none is open.
    size_spells(skeleton, NETSTALL_SIDES, 1);
    bpf_map__set_max_entries(skeleton.maps.runs, threads + kOtherThreads);
  };
}

}  // namespace

KernelProbeLoad load_run_queue(const KernelProbeOptions& options) {
  return load_probe<run_queue_bpf, RunQueue>(
      options, {{ProbeBackend::tracepoint, {"on_switch", "on_exit"}, {}}}, prepare_for(options));
}

std::uint64_t run_queue_memory(const KernelProbeOptions& options) {
  return memory_before_load<run_queue_bpf>(options, prepare_for(options));
}

}  // namespace netstall
