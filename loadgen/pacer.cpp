#include "loadgen/pacer.hpp"

#include <algorithm>
#include <cmath>

namespace netstall {
namespace {

// SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014).
std::uint64_t mixed(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15U;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9U;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebU;
  return x ^ (x >> 31);
}

}  // namespace

std::int64_t Pacer::due(std::int64_t phase, std::uint64_t n) const noexcept {
  return start_ns_ + phase + std::llround(static_cast<double>(n) * interval_ns_);
}

std::uint64_t Pacer::due_before(std::int64_t phase, std::int64_t until) const noexcept {
  const auto elapsed = static_cast<double>(until - start_ns_ - phase);
  if (elapsed <= 0) return 0;
  // The quotient is off by at most one, since due() rounds.
  auto n = static_cast<std::uint64_t>(std::max(0.0, std::floor(elapsed / interval_ns_) - 1));
  while (due(phase, n) < until) ++n;
  return n;
}

std::int64_t phase_ns(std::uint64_t seed, std::uint64_t stream, std::uint32_t index,
                      std::uint32_t count, double interval_ns) noexcept {
  const auto bits = mixed(mixed(mixed(seed) ^ stream) ^ index) >> 11;
  const double within = static_cast<double>(bits) * 0x1.0p-53;
  return static_cast<std::int64_t>((index + within) / std::max(count, 1U) * interval_ns);
}

}  // namespace netstall
