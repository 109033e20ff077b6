// The probe drops: packets that the kernel threw away, by the name of the reason.
// docs/probes.md says more; the kernel's half is drops.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_drops(const KernelProbeOptions& options);
std::uint64_t drops_memory(const KernelProbeOptions& options);

}  // namespace netstall
