// The probe qdisc_drops: packets that a queueing discipline dropped.
// docs/probes.md says more; the kernel's half is qdisc_drops.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_qdisc_drops(const KernelProbeOptions& options);
std::uint64_t qdisc_drops_memory(const KernelProbeOptions& options);

}  // namespace netstall
