#include "bpf/drops.hpp"

#include <bpf/btf.h>
#include <fmt/format.h>

#include "bpf/drops.h"
#include "bpf/mapped_array.hpp"
#include "bpf/probe_object.hpp"
#include "drops.skel.h"

namespace netstall {
namespace {

constexpr const char* kByPorts =
    "this kernel does not say for which socket a segment was: one dropped within TCP is told by "
    "its ports alone";

struct FreeBtf {
  void operator()(btf* types) const noexcept { btf__free(types); }
};

// This kernel's names of drop reasons; a number without one is left out.
std::map<std::uint32_t, std::string> reason_names() {
  constexpr std::string_view kPrefix = "SKB_DROP_REASON_";
  std::map<std::uint32_t, std::string> names;
  const LibbpfMessages silence;
  const std::unique_ptr<btf, FreeBtf> types(btf__load_vmlinux_btf());
  if (!types) return names;
  const auto id = btf__find_by_name_kind(types.get(), "skb_drop_reason", BTF_KIND_ENUM);
  if (id <= 0) return names;
  const auto* type = btf__type_by_id(types.get(), static_cast<__u32>(id));
  const auto* values = btf_enum(type);
  for (std::uint32_t i = 0; i < btf_vlen(type); ++i) {
    std::string_view name = btf__name_by_offset(types.get(), values[i].name_off);
    if (name.starts_with(kPrefix)) name.remove_prefix(kPrefix.size());
    names.emplace(static_cast<std::uint32_t>(values[i].val), name);
  }
  return names;
}

class Drops : public ProbeObject<drops_bpf> {
 public:
  Drops(SkeletonOf<drops_bpf> skeleton, const KernelProbeOptions& told, ProbeVariant variant)
      : ProbeObject(std::move(skeleton), told, std::move(variant)),
        packets_(this->skeleton().maps.packets, kSlots) {}

 private:
  static constexpr std::size_t kSlots = std::size_t{NETSTALL_SIDES} * NETSTALL_DROP_REASONS;

  void read_into(ProbeFinding& finding) const override {
    std::map<std::uint32_t, std::string> names;
    for (const auto side : {Side::client, Side::server}) {
      auto& kinds = finding.events[std::string(name_of(side))];
      const auto first = static_cast<std::size_t>(side) * NETSTALL_DROP_REASONS;
      for (std::uint32_t reason = 0; reason < NETSTALL_DROP_REASONS; ++reason) {
        const auto packets = packets_.values()[first + reason];
        if (packets == 0) continue;
        if (names.empty()) names = reason_names();
        const auto found = names.find(reason);
        const bool beyond = reason == NETSTALL_DROP_REASONS - 1;
        kinds[found != names.end() ? found->second
              : beyond             ? "OF_A_SUBSYSTEM"
                                   : fmt::format("{}", reason)] += packets;
      }
    }
  }

  MappedArray<std::uint64_t> packets_;
};

}  // namespace

KernelProbeLoad load_drops(const KernelProbeOptions& options) {
  using enum ProbeBackend;
  return load_probe<drops_bpf, Drops>(
      options, {{tracepoint, {"on_drop"}, {}}, {tracepoint, {"on_drop_by_ports"}, {kByPorts}}},
      [](drops_bpf&) {});
}

std::uint64_t drops_memory(const KernelProbeOptions& options) {
  return memory_before_load<drops_bpf>(options, [](drops_bpf&) {});
}

}  // namespace netstall
