// The probe retransmits: segments that the run's sockets send again.
// docs/probes.md says more; the kernel's half is retransmits.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_retransmits(const KernelProbeOptions& options);
std::uint64_t retransmits_memory(const KernelProbeOptions& options);

}  // namespace netstall
