// For tests alone: repetitions as a machine might give them, from a seed. Log-normal,
// with spikes, and drifting while the sitting lasts.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <random>
#include <string>
#include <vector>

#include "bench/verdict/blocks.hpp"
#include "bench/verdict/compare.hpp"

namespace netstall {

struct Noise {
  double sigma = 0.1;         // of a figure's logarithm, from one repetition to the next
  double spike_share = 0.08;  // of repetitions that are 1.5 to 4 times what they should be
  double drift = 1.3;         // the end of a sitting over its beginning, or the inverse
};

// Uniform and normal numbers that are the same with every library.
class SimulatedRandom {
 public:
  explicit SimulatedRandom(std::uint64_t seed) : engine_(seed) {}
  double uniform() { return (static_cast<double>(engine_() >> 11) + 0.5) * 0x1p-53; }
  double normal() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(2 * std::numbers::pi * uniform());
  }
  std::uint64_t seed() { return engine_(); }

 private:
  std::mt19937_64 engine_;
};

// By what a machine multiplies the figures of each repetition.
struct Factors {
  std::vector<double> a;
  std::vector<double> b;
};

// `sigma` is what all figures of a repetition have in common.
inline Factors machine_factors(const Noise& noise, double sigma, Design design,
                               std::uint32_t repetitions, SimulatedRandom& random) {
  std::vector<InterleavedRun> order;
  if (design == Design::interleaved) {
    order = interleaved_order(repetitions / kRepetitionsPerBlock, random.seed());
  } else {
    for (std::uint32_t i = 0; i < repetitions; ++i) order.push_back({Arm::a, i});
    for (std::uint32_t i = 0; i < repetitions; ++i) order.push_back({Arm::b, i});
  }
  const double drift = std::log(noise.drift) * (random.uniform() < 0.5 ? 1 : -1);
  Factors factors;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (!order[i].index) continue;
    double factor = drift * static_cast<double>(i) / static_cast<double>(order.size());
    factor += sigma * random.normal();
    if (random.uniform() < noise.spike_share) factor += std::log(1.5 + 2.5 * random.uniform());
    (order[i].arm == Arm::a ? factors.a : factors.b).push_back(std::exp(factor));
  }
  return factors;
}

struct SimulatedPair {
  ReportSamples a;
  ReportSamples b;
};

// One cell, one flow group, these gating metrics; `changed` is `ratio` times as large
// in b. Half of sigma's square is common to a repetition, half is each figure's own.
inline SimulatedPair simulated_pair(const Noise& noise, Design design, std::uint32_t repetitions,
                                    const std::vector<const Metric*>& gating, double ratio,
                                    const std::string& changed, SimulatedRandom& random) {
  const double half = noise.sigma * std::sqrt(0.5);
  const auto factors = machine_factors(noise, half, design, repetitions, random);
  SimulatedPair pair;
  for (const bool in_b : {false, true}) {
    CellSamples cell;
    cell.id = "base";
    cell.flows = {"slow"};
    const auto& of_arm = in_b ? factors.b : factors.a;
    for (std::uint32_t i = 0; i < of_arm.size(); ++i) cell.indices.push_back(i);
    for (const Metric* metric : gating) {
      SampleRow row{metric, "slow", true};
      const double change = in_b && metric->name == changed ? ratio : 1;
      for (const double factor : of_arm) {
        const double figure = 20e6 * factor * std::exp(half * random.normal()) * change;
        row.values.emplace_back(metric->yes_no ? 1 : figure);
      }
      cell.rows.push_back(std::move(row));
    }
    (in_b ? pair.b : pair.a).cells.push_back(std::move(cell));
  }
  return pair;
}

}  // namespace netstall
