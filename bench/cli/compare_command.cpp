// netstall compare: a verdict per metric between two reports.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <future>
#include <memory>

#include "base/error.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/verdict_options.hpp"
#include "bench/verdict/compare.hpp"
#include "model/report_stream.hpp"

namespace netstall {
namespace {

struct CompareCommandOptions {
  std::string base;
  std::string fresh;
  bool allow_environment_change = false;
  VerdictOptions verdict;
};

ReportSamples read_samples(const std::string& file, const MetricSelection& selection) {
  try {
    ReportSamples samples;
    const auto head = digest_report(file, parts_of(selection), [&](const CellResult& cell) {
      return [&samples, of_cell = samples_of(cell, selection)]() mutable {
        samples.cells.push_back(std::move(of_cell));
      };
    });
    samples.name = file;
    samples.environment = head.environment;
    samples.scenario_hash = head.scenario_hash;
    return samples;
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, file, error.what(), error.remedy());
  }
}

// A report against itself would be unchanged whatever it is: a job that names one file
// twice by mistake must not pass for that.
void require_two_files(const std::string& base, const std::string& fresh) {
  std::error_code none;
  if (!std::filesystem::equivalent(base, fresh, none)) return;
  throw Error(ErrorKind::usage, fmt::format("compare {} with {}", base, fresh),
              "they are the same file", "name the report of another run");
}

ExitStatus compare_reports(const CompareCommandOptions& options) {
  require_sound(options.verdict);
  require_two_files(options.base, options.fresh);
  const auto selection = select_metrics(options.verdict.metrics);
  // Most of the time goes into reading: both at once.
  auto reading =
      std::async(std::launch::async, [&] { return read_samples(options.fresh, selection); });
  const auto base = read_samples(options.base, selection);
  const auto fresh = reading.get();
  CompareOptions how;
  how.allow_environment_change = options.allow_environment_change;
  how = with_noise(how, options.verdict, base.environment);
  return deliver(compare(base, fresh, how), options.verdict);
}

}  // namespace

void add_compare_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<CompareCommandOptions>();
  auto* command = app.add_subcommand("compare", "Say what changed between two reports, per metric");
  command->add_option("base", options->base, "Report to compare with")
      ->required()
      ->type_name("BASE.json");
  command->add_option("new", options->fresh, "Report to judge")->required()->type_name("NEW.json");
  command->add_flag(
      "--allow-environment-change", options->allow_environment_change,
      "Compare although kernel, CPU, sysctls or scenario differ; the verdict says so");
  add_verdict_options(*command, options->verdict);
  command->callback(
      [options, &action] { action = [options] { return compare_reports(*options); }; });
}

}  // namespace netstall
