// What a histogram costs where it matters: recording is on the path of every
// message, merging and encoding at the end of every repetition.
#include <benchmark/benchmark.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/histogram.hpp"

namespace netstall {
namespace {

// Few enough to stay in the first cache, so that the values are not what is
// measured; a power of two, so that going round is a mask.
constexpr std::size_t kValues = 2048;

// Latencies as a run sees them: log-normal around 50 us, with a long tail.
std::vector<std::uint64_t> latencies() {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> latency(std::log(50e3), 1.0);
  std::vector<std::uint64_t> values(kValues);
  for (auto& value : values) value = static_cast<std::uint64_t>(latency(random));
  return values;
}

// The worst case: every magnitude up to an hour, so most of the pages.
std::vector<std::uint64_t> all_magnitudes() {
  std::mt19937_64 random(1);
  std::uniform_real_distribution<double> exponent(0, std::log(3.6e12));
  std::vector<std::uint64_t> values(kValues);
  for (auto& value : values) value = static_cast<std::uint64_t>(std::exp(exponent(random)));
  return values;
}

Histogram filled() {
  Histogram histogram;
  for (const auto value : latencies()) histogram.record(value, 3);
  return histogram;
}

// The floor: one increment of an array as large, at random places.
void array_increment(benchmark::State& state) {
  std::vector<std::uint64_t> places = latencies();
  for (auto& place : places) place = netstall_hdr_index_of(place);
  std::vector<std::uint64_t> counts(Histogram::kSlots);
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    ++counts[places[i++ % kValues]];
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(array_increment);

void record(benchmark::State& state, const std::vector<std::uint64_t>& values) {
  Histogram histogram;
  std::size_t i = 0;
  for ([[maybe_unused]] auto _ : state) {
    histogram.record(values[i++ % kValues]);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(record, latencies, latencies());
BENCHMARK_CAPTURE(record, all_magnitudes, all_magnitudes());

void first_record(benchmark::State& state) {
  for ([[maybe_unused]] auto _ : state) {
    Histogram histogram;
    histogram.record(50'000);
    benchmark::DoNotOptimize(histogram);
  }
}
BENCHMARK(first_record);

void merge(benchmark::State& state) {
  const Histogram source = filled();
  Histogram target;
  for ([[maybe_unused]] auto _ : state) {
    target.merge(source);
    benchmark::ClobberMemory();
  }
}
BENCHMARK(merge);

void percentile(benchmark::State& state) {
  const Histogram histogram = filled();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(histogram.percentile(99.9));
}
BENCHMARK(percentile);

void encode(benchmark::State& state) {
  const Histogram histogram = filled();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(histogram.encode());
  state.counters["bytes"] = static_cast<double>(histogram.encode().size());
}
BENCHMARK(encode);

void decode(benchmark::State& state) {
  const std::string text = filled().encode();
  for ([[maybe_unused]] auto _ : state) benchmark::DoNotOptimize(Histogram::decode(text));
}
BENCHMARK(decode);

}  // namespace
}  // namespace netstall
