// netstall-bench: scenarios as Google Benchmarks. Google Benchmark would run each
// benchmark's repetitions in a row, and so takes drift of the machine for a
// difference; therefore it is asked first what it wants (a rehearsal that measures
// nothing), that is run in our own order, and then it is handed the results.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "bench/benchmarks/benchmark_reporters.hpp"
#include "bench/benchmarks/scenario_benchmarks.hpp"
#include "bench/cli/version.hpp"
#include "bench/lab/guardian.hpp"
#include "loadgen/worker.hpp"

namespace netstall {
namespace {

// Lets Google Benchmark take flags as from a command line. It keeps the program's name.
void give_flags(char* program, std::vector<std::string> flags) {
  std::vector<char*> pointers{program};
  for (auto& flag : flags) pointers.push_back(flag.data());
  auto count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data());
  if (count > 1) {
    throw Error(ErrorKind::usage, pointers[1], "Google Benchmark does not know this flag",
                "see netstall-bench --help");
  }
}

// The next repetition of a cell as one iteration.
void hand_over(benchmark::State& state, CellBenchmark& cell, bool rehearsal) {
  if (rehearsal) {
    ++cell.wanted;
    for (auto _ : state) state.SetIterationTime(1);
    return;
  }
  const auto& repetition = cell.result.repetitions.at(cell.given++);
  for (auto _ : state) {
    state.SetIterationTime(static_cast<double>(repetition.duration_ns) / 1e9);
  }
  for (const auto& [name, value] : counters_of(repetition)) state.counters[name] = value;
  // An error in Google Benchmark's sense among good repetitions would end the program.
  if (repetition.status != Status::ok) {
    state.SetLabel(fmt::format("{}: {}", name_of(repetition.status),
                               repetition.reason.value_or("no reason given")));
  }
}

void register_all(std::vector<CellBenchmark>& cells, const bool& rehearsal) {
  for (auto& cell : cells) {
    benchmark::RegisterBenchmark(
        cell.name.c_str(),
        [&cell, &rehearsal](benchmark::State& state) { hand_over(state, cell, rehearsal); })
        ->UseManualTime()
        ->Iterations(1);
  }
}

bool anything_wanted(const std::vector<CellBenchmark>& cells) {
  for (const auto& cell : cells) {
    if (cell.wanted > 0) return true;
  }
  return false;
}

void show(char* program, const BenchOptions& options, const std::vector<CellBenchmark>& cells) {
  const ResultOf result_of = [&](const std::string& name) -> const CellResult* {
    for (const auto& cell : cells) {
      if (cell.name == name) return &cell.result;
    }
    return nullptr;
  };
  CellReporter display(*benchmark::CreateDefaultDisplayReporter(), result_of);
  if (options.out.empty()) {
    benchmark::RunSpecifiedBenchmarks(&display);
    return;
  }
  give_flags(program, {"--benchmark_out=" + options.out});
  benchmark::JSONReporter json;
  benchmark::ConsoleReporter console(benchmark::ConsoleReporter::OO_None);
  const bool as_json = options.out_format == "json";
  CellReporter file(as_json ? static_cast<benchmark::BenchmarkReporter&>(json) : console,
                    result_of);
  benchmark::RunSpecifiedBenchmarks(&display, &file);
}

ExitStatus run(int argc, char** argv) {
  BenchOptions options;
  if (const auto status = parse_bench_options(argc, argv, options)) return *status;
  auto cells = list_benchmarks(options);
  bool rehearsal = true;
  benchmark::SetDefaultTimeUnit(benchmark::kMillisecond);
  benchmark::AddCustomContext("netstall_version", version_text());
  benchmark::AddCustomContext("netstall_seed", std::to_string(options.shared.seed));
  auto flags = options.flags;
  flags.emplace_back("--benchmark_out=");  // the rehearsal leaves no file
  give_flags(argv[0], flags);
  register_all(cells, rehearsal);

  SilentReporter silent;
  if (benchmark::RunSpecifiedBenchmarks(&silent) == 0) return ExitStatus::usage;
  if (!anything_wanted(cells)) return ExitStatus::ok;  // they were only to be listed
  const auto status = run_benchmarks(options, cells);
  rehearsal = false;
  if (status != ExitStatus::interrupted) show(argv[0], options, cells);
  return status;
}

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name == netstall::kWorkerName) return netstall::worker_main();
  if (name == netstall::kGuardianName) return netstall::guardian_main();
  return static_cast<int>(netstall::guarded([&] { return netstall::run(argc, argv); }));
}
