// The order of an interleaved experiment: blocks of two repetitions of each arm, so
// that what drifts while it runs hits both.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace netstall {

enum class Arm : std::uint8_t { a, b };

constexpr std::uint32_t kRepetitionsPerBlock = 2;  // of each arm
constexpr std::uint32_t kDefaultBlocks = 6;

struct InterleavedRun {
  Arm arm = Arm::a;
  // Of the repetition within its arm: block k has 2k and 2k + 1. Absent: a warm-up,
  // to be discarded.
  std::optional<std::uint32_t> index;
};

// The block of a repetition, by its index within its arm.
constexpr std::uint32_t block_of(std::uint32_t index) {
  return index / kRepetitionsPerBlock;
}

// One warm-up of each arm, then the blocks, each in an order of its own. The same seed
// gives the same order on every machine.
std::vector<InterleavedRun> interleaved_order(std::uint32_t blocks, std::uint64_t seed);

}  // namespace netstall
