// The probe epoll_waits: spells in which a worker's thread sleeps in epoll_wait().
// docs/probes.md says more; the kernel's half is epoll_waits.bpf.c.
#pragma once

#include "bpf/kernel_probe.hpp"

namespace netstall {

KernelProbeLoad load_epoll_waits(const KernelProbeOptions& options);
std::uint64_t epoll_waits_memory(const KernelProbeOptions& options);

}  // namespace netstall
