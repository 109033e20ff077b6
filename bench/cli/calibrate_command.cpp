// netstall calibrate: A against A, and what this machine can tell apart.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "bench/cli/commands.hpp"
#include "bench/cli/sitting.hpp"
#include "bench/cli/verdict_options.hpp"
#include "bench/report/calibration.hpp"
#include "bench/report/comparison_formats.hpp"
#include "bench/verdict/calibrate.hpp"

namespace netstall {
namespace {

struct CalibrateOptions {
  SittingOptions sitting;
  std::string output;
  std::string comparison;
};

ExitStatus calibrate(const CalibrateOptions& options) {
  require_output_place(options.output);
  require_output_place(options.comparison);
  const SittingArm arm{"A", load_campaign(options.sitting.scenario),
                       command_to_run(options.sitting.scenario, options.sitting.probes)};
  const auto sitting = run_sitting(arm, {"A again", arm.campaign, arm.command}, select_metrics(),
                                   options.sitting, {});
  const auto ran = status_of(sitting.outcome);
  if (!sitting.comparison) {
    fmt::print(stderr, "netstall: {}: nothing was calibrated\n",
               sitting.outcome.interrupted ? "interrupted" : "no repetition could run here");
    return ran;
  }
  const Calibration found{arm.campaign.base.name, arm.campaign.hash,
                          options.sitting.blocks, options.sitting.scenario.seed,
                          sitting.environment,    noise_floors(*sitting.comparison)};
  if (!options.comparison.empty()) {
    write_output(options.comparison, comparison_json(*sitting.comparison));
  }
  const bool to_stdout = options.output == "-";
  if (!options.output.empty()) write_output(options.output, calibration_json(found));
  if (!to_stdout) fmt::print("{}", calibration_text(found, *sitting.comparison));
  return ran;
}

}  // namespace

void add_calibrate_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<CalibrateOptions>();
  auto* command = app.add_subcommand(
      "calibrate", "Run a scenario against itself: the noise floor of this machine");
  add_sitting_options(*command, options->sitting);
  command
      ->add_option("-o,--output", options->output,
                   "Noise floors to this file, for --noise of compare and ab; '-' is stdout")
      ->type_name("FILE");
  command
      ->add_option("--comparison", options->comparison,
                   "The comparison of A with A to this file, as JSON")
      ->type_name("FILE");
  command->callback([options, &action] { action = [options] { return calibrate(*options); }; });
}

}  // namespace netstall
