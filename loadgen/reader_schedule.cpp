#include "loadgen/reader_schedule.hpp"

#include <algorithm>

namespace netstall {

std::uint64_t read_size(const FlowTask& task) noexcept {
  if (task.chunk) return std::max<std::uint64_t>(task.chunk->count, 1);
  if (!task.bytes_per_s) return kReadBytes;
  const double brought = std::min(*task.bytes_per_s / 20, static_cast<double>(kReadBytes));
  return std::max<std::uint64_t>(static_cast<std::uint64_t>(brought), 1);
}

}  // namespace netstall
