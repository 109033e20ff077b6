#include "bpf/spells.hpp"

#include <algorithm>

namespace netstall {

std::vector<std::string> side_names() {
  return {std::string(name_of(Side::client)), std::string(name_of(Side::server))};
}

SpellCount spells_of(const netstall_spells& sum, std::span<const std::uint64_t> slots) {
  SpellCount spells;
  spells.count = sum.count;
  spells.time_ns = sum.time_ns;
  spells.open_at_start = sum.open_at_start;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    if (slots[i] != 0) spells.duration.add_slot(i, slots[i]);
  }
  if (spells.duration.empty()) return spells;
  // The array has a slot for many values; the longest is known exactly.
  const auto lowest_of_last =
      netstall_hdr_lowest_of_index(netstall_hdr_index_of(*spells.duration.max()));
  const auto max = std::clamp<std::uint64_t>(sum.longest, lowest_of_last, *spells.duration.max());
  spells.duration.restore_bounds(std::min(*spells.duration.min(), max), max, 0);
  return spells;
}

void add_open_spell(SpellCount& spells, std::uint64_t from, std::uint64_t window_from,
                    std::uint64_t window_to) {
  const auto first = std::max(from, window_from);
  if (window_to <= first) return;
  ++spells.count;
  ++spells.open_at_end;
  if (from < window_from) ++spells.open_at_start;
  spells.time_ns += window_to - first;
  spells.duration.record(window_to - first);
}

}  // namespace netstall
