// The probe run_queue: spells in which a worker's thread is runnable and does not run.
// docs/probes.md says more; the kernel's half is run_queue.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_run_queue(const KernelProbeOptions& options);
std::uint64_t run_queue_memory(const KernelProbeOptions& options);

}  // namespace netstall
