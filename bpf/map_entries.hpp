// All entries of a BPF hash map, read in batches.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/types.h>

#include <cerrno>
#include <cstddef>
#include <vector>

#include "base/error.hpp"

namespace netstall {

// Calls visit(key, value) for every entry; each once where no program changes the map
// meanwhile. Throws Error.
template <class Key, class Value, class Visit>
void for_each_entry(const bpf_map* map, Visit visit) {
  constexpr std::size_t kBatch = 4096;
  std::vector<Key> keys(kBatch);
  std::vector<Value> values(kBatch);
  // The kernel's place in the map: a bucket's number.
  __u32 place = 0;
  for (bool first = true, more = true; more; first = false) {
    __u32 count = kBatch;
    const int error = bpf_map_lookup_batch(bpf_map__fd(map), first ? nullptr : &place, &place,
                                           keys.data(), values.data(), &count, nullptr);
    if (error != 0 && error != -ENOENT) {
      throw_errno(fmt::format("read the BPF map {}", bpf_map__name(map)), -error);
    }
    more = error == 0;
    for (std::size_t i = 0; i < count; ++i) visit(keys[i], values[i]);
  }
}

}  // namespace netstall
