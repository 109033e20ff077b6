#include "bpf/map_memory.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdlib>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

constexpr std::uint64_t kPage = 4096;

constexpr std::uint64_t rounded(std::uint64_t bytes, std::uint64_t to) {
  return (bytes + to - 1) / to * to;
}

std::uint64_t cpus() {
  const int count = libbpf_num_possible_cpus();
  return count > 0 ? static_cast<std::uint64_t>(count) : 1;
}

struct Shape {
  std::uint64_t key;
  std::uint64_t value;
  std::uint64_t entries;
};

// struct htab_elem, key and value for each entry, all made at load, and a bucket for
// the next power of two; as many more entries as CPUs where none is recycled.
std::uint64_t hash_memory(const Shape& shape, bool lru) {
  constexpr std::uint64_t kElement = 48;
  constexpr std::uint64_t kBucket = 16;
  const auto entries = shape.entries + (lru ? 0 : cpus());
  return entries * (kElement + rounded(shape.key, 8) + rounded(shape.value, 8)) +
         std::bit_ceil(shape.entries) * kBucket;
}

std::uint64_t array_memory(const Shape& shape, bool mapped) {
  const auto bytes = shape.entries * rounded(shape.value, 8);
  return mapped ? rounded(bytes, kPage) + kPage : bytes;
}

// Of stacks: a pointer for each bucket, and as many entries and a CPU's worth of
// spare ones, each with its list node and length.
std::uint64_t stack_memory(const Shape& shape) {
  constexpr std::uint64_t kHead = 24;
  const auto buckets = std::bit_ceil(shape.entries);
  return buckets * 8 + shape.entries * (kHead + shape.value);
}

std::uint64_t memory_of(const bpf_map* map) {
  const Shape shape{bpf_map__key_size(map), bpf_map__value_size(map), bpf_map__max_entries(map)};
  switch (bpf_map__type(map)) {
    case BPF_MAP_TYPE_HASH:
      return hash_memory(shape, false);
    case BPF_MAP_TYPE_LRU_HASH:
      return hash_memory(shape, true);
    case BPF_MAP_TYPE_PERCPU_ARRAY:
      return shape.entries * (8 + cpus() * rounded(shape.value, 8));
    case BPF_MAP_TYPE_STACK_TRACE:
      return stack_memory(shape);
    default:
      return array_memory(shape, (bpf_map__map_flags(map) & BPF_F_MMAPABLE) != 0);
  }
}

}  // namespace

std::uint64_t map_memory(const bpf_object* object) {
  std::uint64_t bytes = 0;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) bytes += memory_of(map);
  return bytes;
}

std::uint64_t map_memory_in_use(const bpf_object* object) {
  constexpr std::string_view kKey = "memlock:";
  std::uint64_t bytes = 0;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const auto path = fmt::format("/proc/self/fdinfo/{}", bpf_map__fd(map));
    const auto text = read_file(path);
    const auto at = text.find(kKey);
    if (at == std::string::npos) {
      throw Error(ErrorKind::failed,
                  fmt::format("read the memory of the BPF map {}", bpf_map__name(map)),
                  fmt::format("{} has no line {}", path, kKey));
    }
    bytes += std::strtoull(text.c_str() + at + kKey.size(), nullptr, 10);
  }
  return bytes;
}

}  // namespace netstall
