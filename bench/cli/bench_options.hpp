// The command line of netstall-bench: scenarios, what every command takes that
// runs one, and Google Benchmark's own flags.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "bench/cli/exit_status.hpp"
#include "bench/cli/scenario_options.hpp"

namespace CLI {
class App;
}

namespace netstall {

struct BenchOptions {
  std::vector<std::filesystem::path> scenarios;  // files
  ScenarioCommandOptions shared;                 // its scenario is not used
  ProbeOptions probes;
  std::vector<std::string> flags;  // Google Benchmark's, as given, but for those below
  std::string out;                 // --benchmark_out
  std::string out_format = "json";
};

// The command line alone, but for Google Benchmark's flags; `given` takes the scenarios.
void define_bench_options(CLI::App& app, std::vector<std::string>& given, BenchOptions& options);

// Fills the options, or returns the status to end with: help, the version, or bad
// usage, which it has said. Throws Error (usage) for flags of Google Benchmark that
// make no sense here, and for scenarios that are not there.
std::optional<ExitStatus> parse_bench_options(int argc, char** argv, BenchOptions& options);

}  // namespace netstall
