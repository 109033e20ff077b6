// Memory that BPF programs write and this process reads, without a system call, while
// they run: variables, and array maps.
#pragma once

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <span>
#include <utility>

#include "base/error.hpp"

namespace netstall {

// A variable of a program that runs meanwhile.
template <class T>
T load_shared(const T& value) noexcept {
  return __atomic_load_n(&value, __ATOMIC_RELAXED);
}

// Read-only. Move-only; the mapping outlives the map's own descriptor.
template <class T>
class MappedArray {
 public:
  static_assert(sizeof(T) % 8 == 0, "the kernel rounds elements up to 8 bytes");

  MappedArray() noexcept = default;
  // Of a loaded map with BPF_F_MMAPABLE and `count` elements. Throws Error.
  MappedArray(const bpf_map* map, std::size_t count) : count_(count) {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    bytes_ = (count * sizeof(T) + page - 1) / page * page;
    void* const at = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, bpf_map__fd(map), 0);
    if (at == MAP_FAILED) throw_errno(fmt::format("map the array {}", bpf_map__name(map)), errno);
    data_ = static_cast<T*>(at);
  }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  MappedArray(MappedArray&& other) noexcept { swap(other); }
  MappedArray& operator=(MappedArray&& other) noexcept {
    MappedArray moved(std::move(other));
    swap(moved);
    return *this;
  }
  ~MappedArray() {
    if (data_ != nullptr) ::munmap(data_, bytes_);
  }

  std::span<const T> values() const noexcept { return {data_, count_}; }

 private:
  void swap(MappedArray& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    std::swap(bytes_, other.bytes_);
  }

  T* data_ = nullptr;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace netstall
