#include "bpf/reader_waits.hpp"

#include "bpf/spells.hpp"
#include "reader_waits.skel.h"

namespace netstall {
namespace {

class ReaderWaits : public SpellProbe<reader_waits_bpf> {
 public:
  ReaderWaits(SkeletonOf<reader_waits_bpf> skeleton, const KernelProbeOptions& told,
              ProbeVariant variant)
      : SpellProbe(std::move(skeleton), told, std::move(variant), told.flows, "wait") {}
};

auto prepare_for(const KernelProbeOptions& options) {
  return [&options](reader_waits_bpf& skeleton) {
    size_spells(skeleton, options.flows.size(), options.connections);
  };
}

}  // namespace

KernelProbeLoad load_reader_waits(const KernelProbeOptions& options) {
  return load_probe<reader_waits_bpf, ReaderWaits>(
      options, {{ProbeBackend::tracepoint, {"on_received", "on_state"}, {}}}, prepare_for(options));
}

std::uint64_t reader_waits_memory(const KernelProbeOptions& options) {
  return memory_before_load<reader_waits_bpf>(options, prepare_for(options));
}

}  // namespace netstall
