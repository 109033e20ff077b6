// Kernel memory of a BPF object's maps: what they will take, known before anything
// is loaded, and what the kernel says that they do.
#pragma once

#include <bpf/libbpf.h>

#include <cstdint>

namespace netstall {

// Of the maps of an object that is opened, and whose maps have their final sizes.
// After map_alloc() of each type in Linux 6.1 to 6.18; a few percent off at most.
std::uint64_t map_memory(const bpf_object* object);

// Of a loaded object, by the kernel's own account (memlock in fdinfo). Throws Error.
std::uint64_t map_memory_in_use(const bpf_object* object);

}  // namespace netstall
