// The probe memory_pressure: spells in which TCP is under memory pressure.
// docs/probes.md says more; the kernel's half is memory_pressure.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_memory_pressure(const KernelProbeOptions& options);
std::uint64_t memory_pressure_memory(const KernelProbeOptions& options);

}  // namespace netstall
