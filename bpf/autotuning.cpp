#include "bpf/autotuning.hpp"

#include <array>
#include <string_view>

#include "autotuning.skel.h"
#include "bpf/autotuning.h"
#include "bpf/mapped_array.hpp"
#include "bpf/probe_object.hpp"

namespace netstall {
namespace {

constexpr std::array<std::string_view, NETSTALL_BUFFERS> kBuffers{"sndbuf", "rcvbuf"};

constexpr const char* kNoSndbuf =
    "this kernel has no tracepoint at the end of a send(): steps of the send buffer are not told";

std::size_t rows(const KernelProbeOptions& options) {
  return options.flows.size() * NETSTALL_BUFFERS;
}

class Autotuning : public ProbeObject<autotuning_bpf> {
 public:
  Autotuning(SkeletonOf<autotuning_bpf> skeleton, const KernelProbeOptions& told,
             ProbeVariant variant)
      : ProbeObject(std::move(skeleton), told, std::move(variant)),
        sees_sndbuf_(programs().size() == 3),
        steps_(this->skeleton().maps.steps, rows(told)) {}

 private:
  void read_into(ProbeFinding& finding) const override {
    for (std::size_t flow = 0; flow < options().flows.size(); ++flow) {
      auto& kinds = finding.events[options().flows[flow]];
      for (std::size_t buffer = 0; buffer < kBuffers.size(); ++buffer) {
        if (buffer == NETSTALL_SNDBUF && !sees_sndbuf_) continue;
        const auto& steps = steps_.values()[flow * NETSTALL_BUFFERS + buffer];
        const std::string name(kBuffers.at(buffer));
        kinds[name + "_up"] = steps.up;
        kinds[name + "_down"] = steps.down;
        kinds[name + "_bytes_up"] = steps.bytes_up;
        kinds[name + "_bytes_down"] = steps.bytes_down;
      }
    }
  }

  bool sees_sndbuf_;
  MappedArray<netstall_steps> steps_;
};

auto prepare_for(const KernelProbeOptions& options) {
  return [&options](autotuning_bpf& skeleton) {
    // Both ends of each connection.
    bpf_map__set_max_entries(skeleton.maps.buffers, 2 * options.connections);
    bpf_map__set_max_entries(skeleton.maps.steps, static_cast<__u32>(rows(options)));
  };
}

}  // namespace

KernelProbeLoad load_autotuning(const KernelProbeOptions& options) {
  using enum ProbeBackend;
  return load_probe<autotuning_bpf, Autotuning>(
      options,
      {{tracepoint, {"on_sent", "on_received", "on_state"}, {}},
       {tracepoint, {"on_received", "on_state"}, {kNoSndbuf}}},
      prepare_for(options));
}

std::uint64_t autotuning_memory(const KernelProbeOptions& options) {
  return memory_before_load<autotuning_bpf>(options, prepare_for(options));
}

}  // namespace netstall
