// The probe zero_window: spells in which a reader's window is shut.
// docs/probes.md says more; the kernel's half is zero_window.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_zero_window(const KernelProbeOptions& options);
std::uint64_t zero_window_memory(const KernelProbeOptions& options);

}  // namespace netstall
