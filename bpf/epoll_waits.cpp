#include "bpf/epoll_waits.hpp"

#include "bpf/spells.hpp"
#include "epoll_waits.skel.h"

namespace netstall {
namespace {

class EpollWaits : public SpellProbe<epoll_waits_bpf> {
 public:
  EpollWaits(SkeletonOf<epoll_waits_bpf> skeleton, const KernelProbeOptions& told,
             ProbeVariant variant)
      : SpellProbe(std::move(skeleton), told, std::move(variant), side_names(), "wait") {}
};

auto prepare_for(const KernelProbeOptions& options) {
  return [threads = options.threads](epoll_waits_bpf& skeleton) {
    size_spells(skeleton, NETSTALL_SIDES, threads);
  };
}

}  // namespace

KernelProbeLoad load_epoll_waits(const KernelProbeOptions& options) {
  return load_probe<epoll_waits_bpf, EpollWaits>(
      options, {{ProbeBackend::tracepoint, {"on_switch", "on_exit"}, {}}}, prepare_for(options));
}

std::uint64_t epoll_waits_memory(const KernelProbeOptions& options) {
  return memory_before_load<epoll_waits_bpf>(options, prepare_for(options));
}

}  // namespace netstall
