#include "bench/verdict/blocks.hpp"

#include <array>
#include <span>

#include "model/seeded_shuffle.hpp"

namespace netstall {

std::vector<InterleavedRun> interleaved_order(std::uint32_t blocks, std::uint64_t seed) {
  SplitMix64 random(seed);
  std::vector<InterleavedRun> order;
  std::array<Arm, 2> arms{Arm::a, Arm::b};
  seeded_shuffle(std::span<Arm>(arms), random);
  for (const auto arm : arms) order.push_back({arm, std::nullopt});
  for (std::uint32_t block = 0; block < blocks; ++block) {
    std::array<Arm, std::size_t{2} * kRepetitionsPerBlock> slots{};
    for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = i % 2 == 0 ? Arm::a : Arm::b;
    seeded_shuffle(std::span<Arm>(slots), random);
    std::array<std::uint32_t, 2> next{block * kRepetitionsPerBlock, block * kRepetitionsPerBlock};
    for (const auto arm : slots) order.push_back({arm, next[arm == Arm::a ? 0 : 1]++});
  }
  return order;
}

}  // namespace netstall
