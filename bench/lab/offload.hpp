// Segmentation and receive offloads of a link's end.
#pragma once

#include <string>

#include "base/netns.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Sets those that are asked for, and reads them back. Throws Error (incapable) where
// the device cannot, naming the offload.
void set_offloads(const Netns& netns, const std::string& device, const OffloadSpec& offload);

// As they are; absent where the device has no such switch. Throws Error where nobody can ask.
OffloadSpec read_offloads(const Netns& netns, const std::string& device);

// Sets those that are otherwise. One that cannot be set stays as it is, which reading tells.
void restore_offloads(const Netns& netns, const std::string& device, const OffloadSpec& offload);

}  // namespace netstall
