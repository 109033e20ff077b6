// The probe autotuning: steps in which the kernel changes the sockets' buffers.
// docs/probes.md says more; the kernel's half is autotuning.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_autotuning(const KernelProbeOptions& options);
std::uint64_t autotuning_memory(const KernelProbeOptions& options);

}  // namespace netstall
