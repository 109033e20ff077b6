// Scenarios as Google Benchmarks: which cells and how many repetitions it wants,
// running them in the plan's own order, and handing it the results one by one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bench/cli/bench_options.hpp"
#include "bench/report/export.hpp"
#include "model/report.hpp"

namespace netstall {

// One cell of one scenario.
struct CellBenchmark {
  std::string name;          // "slow-readers/sndbuf=64KiB"
  std::size_t scenario = 0;  // index into the options' scenarios
  std::size_t cell = 0;
  std::size_t wanted = 0;  // repetitions that Google Benchmark asked for in the rehearsal
  std::size_t given = 0;   // how many it was handed
  CellResult result;       // after the run
};

// A counter of one repetition, or of the good ones together.
using Counters = std::map<std::string, double>;

// Every cell of the scenarios. Throws Error (usage) for a bad scenario, and where two
// cells have one name.
std::vector<CellBenchmark> list_benchmarks(const BenchOptions& options);

// Runs what is wanted, a scenario at a time, each in the order that its plan draws
// with the seed; fills the results. Returns the status to end with: what was
// interrupted has no results to show.
ExitStatus run_benchmarks(const BenchOptions& options, std::vector<CellBenchmark>& benchmarks);

// The gating metrics and all of stalls, those of the whole by the catalogue's names,
// with several flow groups the gating ones of each as "slow:stall.p99". What was not
// measured has no counter. "failed" is 1 where the repetition is not good; "order" is
// its place in the plan of its scenario.
Counters counters_of(const Repetition& repetition);

// Over the good repetitions, as figure_of() has it; "failed" is the number of the
// others. Empty where none is good.
Counters median_counters(const CellResult& result);
// Of a whole repetition in seconds. There is a good one.
double median_seconds(const CellResult& result);

}  // namespace netstall
