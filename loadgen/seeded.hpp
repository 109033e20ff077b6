// Random numbers as a function of where they are used: the same seed gives every
// connection the same messages, however often and in which order it is asked.
#pragma once

#include <cstdint>

namespace netstall {

// SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014).
constexpr std::uint64_t mixed(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

// What keeps two uses of one seed apart.
enum class Draw : std::uint64_t { phase, interval, size, response, reader_rate };

// The stream of numbers of one connection, for one use. `port` and `index` tell the
// connections of a worker apart.
constexpr std::uint64_t stream_of(std::uint64_t seed, Draw use, std::uint64_t port,
                                  std::uint64_t index) noexcept {
  return mixed(mixed(mixed(mixed(seed) ^ static_cast<std::uint64_t>(use)) ^ port) ^ index);
}

// Number `n` of a stream, in [0, 1).
constexpr double unit_of(std::uint64_t stream, std::uint64_t n) noexcept {
  return static_cast<double>(mixed(stream ^ mixed(n)) >> 11) * 0x1.0p-53;
}

}  // namespace netstall
