#include "bench/cli/bench_options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <string_view>

#include "base/error.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/cli/version.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(std::string_view flag, std::string_view cause, std::string remedy) {
  throw Error(ErrorKind::usage, flag, cause, std::move(remedy));
}

// Google Benchmark takes each flag from the environment too.
std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

void require_format(std::string_view flag, std::string_view format) {
  if (format == "console" || format == "json") return;
  refuse(fmt::format("{}={}", flag, format), "the formats are console and json",
         "for csv use `netstall export`");
}

void require_writable(const std::string& out) {
  if (out.empty()) return;
  const fs::path path(out);
  const auto folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
  const bool there = fs::exists(path);
  const bool fits = there ? !fs::is_directory(path) && ::access(out.c_str(), W_OK) == 0
                          : ::access(folder.c_str(), W_OK | X_OK) == 0;
  if (!fits)
    refuse("--benchmark_out", fmt::format("{} cannot be written", out), "name another file");
}

// A flag of Google Benchmark. Those for which it must not decide by itself are kept
// apart: it would write its file twice, and end with status 0 on a bad format.
void take_flag(const std::string& argument, BenchOptions& options, std::string& format) {
  const auto equals = argument.find('=');
  const auto name = argument.substr(0, equals);
  const auto value = equals == std::string::npos ? std::string() : argument.substr(equals + 1);
  if (name == "--benchmark_out") {
    options.out = value;
  } else if (name == "--benchmark_out_format") {
    options.out_format = value;
  } else if (name == "--benchmark_min_warmup_time" || name == "--benchmark_perf_counters") {
    refuse(name, "it means nothing to a scenario", "its warm-up is /timing/warmup");
  } else {
    if (name == "--benchmark_format") format = value;
    options.flags.push_back(argument);
  }
}

void take_flags(const std::vector<std::string>& flags, BenchOptions& options) {
  options.out = from_environment("BENCHMARK_OUT");
  if (auto text = from_environment("BENCHMARK_OUT_FORMAT"); !text.empty()) {
    options.out_format = std::move(text);
  }
  auto format = from_environment("BENCHMARK_FORMAT");
  if (format.empty()) format = "console";
  if (!from_environment("BENCHMARK_MIN_WARMUP_TIME").empty()) {
    refuse("BENCHMARK_MIN_WARMUP_TIME", "it means nothing to a scenario",
           "its warm-up is /timing/warmup");
  }
  for (const auto& flag : flags) take_flag(flag, options, format);
  require_format("--benchmark_format", format);
  require_format("--benchmark_out_format", options.out_format);
  require_writable(options.out);
}

// A folder stands for the scenarios in it, in the order of their names.
std::vector<fs::path> scenario_files(const std::vector<std::string>& given) {
  const auto shipped = Shipped::beside_program();
  std::vector<fs::path> files;
  for (const auto& text : given) {
    const fs::path path(text);
    if (!fs::is_directory(path)) {
      files.push_back(find_scenario(text, shipped));
      continue;
    }
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(path)) {
      const auto name = entry.path().filename().string();
      if (name.ends_with(".json") && !name.ends_with(".schema.json")) found.push_back(entry.path());
    }
    if (found.empty()) refuse(text, "there is no scenario in this folder", "name a scenario file");
    std::sort(found.begin(), found.end());
    files.insert(files.end(), found.begin(), found.end());
  }
  return files;
}

}  // namespace

void define_bench_options(CLI::App& app, std::vector<std::string>& given, BenchOptions& options) {
  app.description("Runs every cell of scenarios as a Google Benchmark.");
  app.name("netstall-bench");
  app.set_version_flag("--version", version_text());
  app.add_option("scenario", given, "Scenario files, folders of them, or names of shipped ones")
      ->required()
      ->type_name(kScenarioValue);
  add_setting_options(app, options.shared);
  add_probe_option(app, options.probes);
  app.footer(
      "Flags of Google Benchmark, as --benchmark_filter=REGEX, --benchmark_repetitions=N,\n"
      "--benchmark_list_tests, --benchmark_format=console|json, --benchmark_out=FILE and\n"
      "--benchmark_report_aggregates_only, are honoured. Names are SCENARIO/CELL; the time is "
      "that\n"
      "of a whole repetition, what was measured stands in counters.\n"
      "Exit status: as of `netstall run`; 5 where a repetition failed.");
}

std::optional<ExitStatus> parse_bench_options(int argc, char** argv, BenchOptions& options) {
  CLI::App app;
  std::vector<std::string> given;
  define_bench_options(app, given, options);
  std::vector<std::string> flags;
  std::vector<std::string> own;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    (argument.starts_with("--benchmark_") ? flags : own).push_back(argument);
  }
  std::reverse(own.begin(), own.end());  // as CLI11 takes a vector
  try {
    app.parse(own);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitStatus::ok : ExitStatus::usage;
  }
  take_flags(flags, options);
  options.scenarios = scenario_files(given);
  return std::nullopt;
}

}  // namespace netstall
