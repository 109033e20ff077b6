// A shuffle that is the same for the same seed with every compiler and library
// (std::shuffle's result is not specified).
#pragma once

#include <cstdint>
#include <span>
#include <utility>

namespace netstall {

// SplitMix64 (Steele, Lea, Flood 2014).
class SplitMix64 {
 public:
  explicit SplitMix64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9e3779b97f4a7c15;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
    return mixed ^ (mixed >> 31);
  }

  // Below `bound` (> 0), every value as likely as every other: what lies in the
  // last, incomplete multiple of the bound is drawn again.
  std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t skipped = (0 - bound) % bound;
    for (;;) {
      const auto drawn = next();
      if (drawn >= skipped) return drawn % bound;
    }
  }

 private:
  std::uint64_t state_;
};

// Fisher-Yates, from the end.
template <class T>
void seeded_shuffle(std::span<T> values, SplitMix64& random) {
  for (auto left = values.size(); left > 1; --left) {
    std::swap(values[left - 1], values[random.below(left)]);
  }
}

}  // namespace netstall
