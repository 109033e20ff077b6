#include "bpf/zero_window.hpp"

#include "bpf/spells.hpp"
#include "zero_window.skel.h"

namespace netstall {
namespace {

class ZeroWindow : public SpellProbe<zero_window_bpf> {
 public:
  ZeroWindow(SkeletonOf<zero_window_bpf> skeleton, const KernelProbeOptions& told,
             ProbeVariant variant)
      : SpellProbe(std::move(skeleton), told, std::move(variant), told.flows, "zero_window") {}
};

auto prepare_for(const KernelProbeOptions& options) {
  return [&options](zero_window_bpf& skeleton) {
    size_spells(skeleton, options.flows.size(), options.connections);
  };
}

}  // namespace

KernelProbeLoad load_zero_window(const KernelProbeOptions& options) {
  return load_probe<zero_window_bpf, ZeroWindow>(
      options, {{ProbeBackend::tracepoint, {"on_segment", "on_state"}, {}}}, prepare_for(options));
}

std::uint64_t zero_window_memory(const KernelProbeOptions& options) {
  return memory_before_load<zero_window_bpf>(options, prepare_for(options));
}

}  // namespace netstall
