// On which CPUs the two sides of a lab work: their workers, and what arrives at their ends
// of the link. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/scenario.hpp"

namespace netstall {

// Numbers of CPUs, rising, none twice.
using CpuList = std::vector<std::uint32_t>;

// "0-3,8"; nothing for what is no list of CPUs below 65536.
std::optional<CpuList> cpu_list_of(std::string_view text);
// As "0-3,8"; "" for none.
std::string text_of(const CpuList& cpus);

struct SidePlacement {
  CpuList workers;   // none: wherever the kernel lets them run
  CpuList softirqs;  // none: as the kernel has it
};
using Placement = PerSide<SidePlacement>;

// `cores`: the CPUs that this process may use, by core. Where no side of the scenario names its
// workers' CPUs and there are four at least, each side has half of the cores: else the two
// would compete, and their scheduling would be part of every figure. Throws Error
// (incapable) for a CPU that is not among them.
Placement placement_of(const PerSide<PlacementSpec>& spec, const std::vector<CpuList>& cores);

// As reports have it: "client.cpus" → "0-3", "client.softirq_cpus" → "0"; what is the
// kernel's to choose is left out.
std::map<std::string, std::string> facts_of(const Placement& placement);

}  // namespace netstall
