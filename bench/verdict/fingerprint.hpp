// Whether two reports come from machines that can be compared.
#pragma once

#include <vector>

#include "bench/verdict/comparison.hpp"
#include "model/report.hpp"

namespace netstall {

// The facts that decide figures and differ: kernel, CPU, governor, clock source,
// NUMA, huge pages, cgroup limits, virtual machine, every net.* sysctl, the scenario. Left
// out is what changes by itself: load, free memory, counts, secrets made at boot,
// what a kernel module could offer, and the sysctls of single interfaces. The kernel
// computes tcp_mem and udp_mem from what memory was free at boot: values within 1 %
// are taken for equal. In the order of the facts' names.
std::vector<EnvironmentDifference> fingerprint_differences(const Environment& a,
                                                           const Environment& b);

}  // namespace netstall
