// The probe reader_waits: spells in which a reader has nothing to read.
// docs/probes.md says more; the kernel's half is reader_waits.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_reader_waits(const KernelProbeOptions& options);
std::uint64_t reader_waits_memory(const KernelProbeOptions& options);

}  // namespace netstall
