#include "bpf/qdisc_drops.hpp"

#include <cstring>

#include "bpf/probe_object.hpp"
#include "bpf/qdisc_drops.h"
#include "qdisc_drops.skel.h"

namespace netstall {
namespace {

class QdiscDrops : public ProbeObject<qdisc_drops_bpf> {
 public:
  using ProbeObject::ProbeObject;

 private:
  void read_into(ProbeFinding& finding) const override {
    finding.events[std::string(name_of(Side::client))];
    finding.events[std::string(name_of(Side::server))];
    const int map = bpf_map__fd(skeleton().maps.packets);
    netstall_qdisc key{};
    for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &key) == 0;
         first = false) {
      std::uint64_t packets = 0;
      if (bpf_map_lookup_elem(map, &key, &packets) != 0) continue;
      const auto side = key.side == NETSTALL_CLIENT ? Side::client : Side::server;
      const std::string kind(key.kind, ::strnlen(key.kind, sizeof key.kind));
      finding.events[std::string(name_of(side))][kind] += packets;
    }
  }
};

}  // namespace

KernelProbeLoad load_qdisc_drops(const KernelProbeOptions& options) {
  return load_probe<qdisc_drops_bpf, QdiscDrops>(
      options, {{ProbeBackend::tracepoint, {"on_drop"}, {}}}, [](qdisc_drops_bpf&) {});
}

std::uint64_t qdisc_drops_memory(const KernelProbeOptions& options) {
  return memory_before_load<qdisc_drops_bpf>(options, [](qdisc_drops_bpf&) {});
}

}  // namespace netstall
