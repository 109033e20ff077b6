// What the loaders of probes that count spells share (bpf/spells.bpf.h).
#pragma once

#include <bpf/bpf.h>

#include <cstdint>
#include <span>
#include <vector>

#include "bpf/mapped_array.hpp"
#include "bpf/probe_object.hpp"
#include "bpf/spells.h"

namespace netstall {

// One row of the arrays, and those that lasted at the window's end, put together.
// `slots` are the row's own NETSTALL_HDR_SLOTS.
SpellCount spells_of(const netstall_spells& sum, std::span<const std::uint64_t> slots);
void add_open_spell(SpellCount& spells, std::uint64_t from, std::uint64_t window_from,
                    std::uint64_t window_to);

// The places of a probe whose rows are sides.
std::vector<std::string> side_names();

template <class S>
void size_spells(S& skeleton, std::size_t rows, std::size_t open) {
  bpf_map__set_max_entries(skeleton.maps.spell_sums, static_cast<__u32>(rows));
  bpf_map__set_max_entries(skeleton.maps.spell_slots,
                           static_cast<__u32>(rows * NETSTALL_HDR_SLOTS));
  bpf_map__set_max_entries(skeleton.maps.open_spells, static_cast<__u32>(open));
}

// A probe whose every row is a place, all with the same kind of spells.
template <class S>
class SpellProbe : public ProbeObject<S> {
 public:
  // `places` names the rows.
  SpellProbe(SkeletonOf<S> skeleton, const KernelProbeOptions& options, ProbeVariant variant,
             std::vector<std::string> places, std::string kind)
      : ProbeObject<S>(std::move(skeleton), options, std::move(variant)),
        places_(std::move(places)),
        kind_(std::move(kind)),
        sums_(this->skeleton().maps.spell_sums, places_.size()),
        slots_(this->skeleton().maps.spell_slots, places_.size() * NETSTALL_HDR_SLOTS) {}

 protected:
  void read_into(ProbeFinding& finding) const override {
    const auto& data = *this->skeleton().data;
    const auto from = __atomic_load_n(&data.window_from, __ATOMIC_RELAXED);
    const auto to = __atomic_load_n(&data.window_to, __ATOMIC_RELAXED);
    std::vector<SpellCount> rows;
    for (std::size_t row = 0; row < places_.size(); ++row) {
      rows.push_back(
          spells_of(sums_.values()[row],
                    slots_.values().subspan(row * NETSTALL_HDR_SLOTS, NETSTALL_HDR_SLOTS)));
    }
    const int map = bpf_map__fd(this->skeleton().maps.open_spells);
    std::uint64_t key = 0;
    // No program changes it now.
    for (bool first = true; bpf_map_get_next_key(map, first ? nullptr : &key, &key) == 0;
         first = false) {
      netstall_open_spell open{};
      if (bpf_map_lookup_elem(map, &key, &open) != 0) continue;
      add_open_spell(rows.at(open.row), open.from, from, to);
    }
    for (std::size_t row = 0; row < places_.size(); ++row) {
      finding.spells[places_[row]][kind_] = std::move(rows[row]);
    }
  }

 private:
  std::vector<std::string> places_;
  std::string kind_;
  MappedArray<netstall_spells> sums_;
  MappedArray<std::uint64_t> slots_;
};

}  // namespace netstall
