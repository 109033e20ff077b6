#include "bpf/retransmits.hpp"

#include <array>
#include <string_view>

#include "bpf/mapped_array.hpp"
#include "bpf/probe_object.hpp"
#include "bpf/retransmits.h"
#include "retransmits.skel.h"

namespace netstall {
namespace {

// By the numbers of retransmits.h.
constexpr std::array<std::string_view, NETSTALL_RETRANSMIT_KINDS> kKinds{
    "open", "disorder", "cwr", "recovery", "loss", "syn", "synack", "failed"};

constexpr const char* kOnlySent =
    "this kernel says nothing of retransmissions that could not be sent, or that a queue refused";

std::size_t slots(const KernelProbeOptions& options) {
  return std::max<std::size_t>(options.flows.size(), 1) * kKinds.size();
}

class Retransmits : public ProbeObject<retransmits_bpf> {
 public:
  Retransmits(SkeletonOf<retransmits_bpf> skeleton, const KernelProbeOptions& told,
              ProbeVariant variant)
      : ProbeObject(std::move(skeleton), told, std::move(variant)),
        tells_failed_(programs().front().first == "on_retransmit"),
        segments_(this->skeleton().maps.segments, slots(told)) {}

 private:
  void read_into(ProbeFinding& finding) const override {
    for (std::size_t flow = 0; flow < options().flows.size(); ++flow) {
      auto& kinds = finding.events[options().flows[flow]];
      for (std::size_t kind = 0; kind < kKinds.size(); ++kind) {
        if (kind == NETSTALL_RETRANSMIT_FAILED && !tells_failed_) continue;
        kinds[std::string(kKinds.at(kind))] = segments_.values()[flow * kKinds.size() + kind];
      }
    }
  }

  bool tells_failed_;
  MappedArray<std::uint64_t> segments_;
};

auto prepare_for(const KernelProbeOptions& options) {
  return [count = slots(options)](retransmits_bpf& skeleton) {
    bpf_map__set_max_entries(skeleton.maps.segments, static_cast<__u32>(count));
  };
}

}  // namespace

KernelProbeLoad load_retransmits(const KernelProbeOptions& options) {
  using enum ProbeBackend;
  return load_probe<retransmits_bpf, Retransmits>(
      options,
      {{tracepoint, {"on_retransmit", "on_retransmit_synack"}, {}},
       {tracepoint, {"on_retransmit_sent", "on_retransmit_synack"}, {kOnlySent}}},
      prepare_for(options));
}

std::uint64_t retransmits_memory(const KernelProbeOptions& options) {
  return memory_before_load<retransmits_bpf>(options, prepare_for(options));
}

}  // namespace netstall
