// On which CPUs packets that arrive at a link's end are handled (receive packet steering).
#pragma once

#include <string>

#include "base/netns.hpp"
#include "model/placement.hpp"

namespace netstall {

// Sets rps_cpus of all receive queues of the device, and reads them back; nothing for no CPU.
// Throws Error (incapable) where the kernel has no such steering, or does not take it.
void steer_receiving(const Netns& netns, const std::string& device, const CpuList& cpus);

// As the kernel writes such a mask: {0, 33} is "2,00000001".
std::string cpu_mask_of(const CpuList& cpus);

}  // namespace netstall
