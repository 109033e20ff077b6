// Segmentation and receive offloads of a link's end.
#pragma once

#include <string>

#include "base/netns.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Sets those that are asked for, and reads them back. Throws Error (incapable) where
// the device cannot, naming the offload.
void set_offloads(const Netns& netns, const std::string& device, const OffloadSpec& offload);

}  // namespace netstall
