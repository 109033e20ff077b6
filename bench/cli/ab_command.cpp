// netstall ab: two settings of one scenario, interleaved, and a verdict.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/sitting.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/cli/verdict_options.hpp"
#include "bench/observe/environment.hpp"

namespace netstall {
namespace {

using Setting = std::vector<std::string>;

struct AbOptions {
  SittingOptions sitting;
  VerdictOptions verdict;
  Setting a;
  Setting b;
};

// A setting is given as POINTER=VALUE, or names a profile.
bool is_override(const std::string& text) {
  return text.starts_with('/') && text.find('=') != std::string::npos;
}

std::string name_of_setting(const Setting& setting) {
  return setting.empty() ? "the scenario as it is" : fmt::format("{}", fmt::join(setting, " "));
}

SittingArm load_arm(const ScenarioCommandOptions& shared, const ProbeOptions& probes,
                    const Setting& setting) {
  auto options = shared;
  bool has_profile = false;
  for (const auto& text : setting) {
    if (is_override(text)) {
      options.set.push_back(text);
      continue;
    }
    if (has_profile) {
      throw Error(ErrorKind::usage, fmt::format("setting {}", name_of_setting(setting)),
                  "it names two profiles", "a setting is POINTER=VALUE, or one profile file");
    }
    options.profile = text;
    has_profile = true;
  }
  return {name_of_setting(setting), load_campaign(options), command_to_run(options, probes)};
}

ExitStatus ab(const AbOptions& options) {
  require_sound(options.verdict);
  const auto selection = select_metrics(options.verdict.metrics);
  const auto a = load_arm(options.sitting.scenario, options.sitting.probes, options.a);
  const auto b = load_arm(options.sitting.scenario, options.sitting.probes, options.b);
  if (a.campaign.hash == b.campaign.hash) {
    throw Error(ErrorKind::usage, "compare two settings", "they ask for the same thing",
                "`netstall calibrate` runs A against A");
  }
  const auto sitting = run_sitting(a, b, selection, options.sitting,
                                   with_noise({}, options.verdict, read_environment()));
  const auto ran = status_of(sitting.outcome);
  if (!sitting.comparison) {
    fmt::print(stderr, "netstall: {}: no verdict\n",
               sitting.outcome.interrupted ? "interrupted" : "no repetition could run here");
    return ran;
  }
  const auto verdict = deliver(*sitting.comparison, options.verdict);
  if (verdict == ExitStatus::missed && sitting.outcome.not_restored.empty()) return verdict;
  return ran == ExitStatus::ok ? verdict : ran;
}

}  // namespace

void add_ab_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<AbOptions>();
  auto* command = app.add_subcommand("ab", "Run two settings interleaved and compare them");
  add_sitting_options(*command, options->sitting);
  const auto add_setting = [&](const char* name, Setting& setting, const char* what) {
    return command->add_option(name, setting, what)
        ->type_name(kSettingValue)
        ->allow_extra_args(false);
  };
  add_setting("--a", options->a,
              "POINTER=VALUE (repeatable) or a profile; not given: the scenario as it is");
  add_setting("--b", options->b, "The setting to judge, likewise")->required();
  add_verdict_options(*command, options->verdict);
  command->callback([options, &action] { action = [options] { return ab(*options); }; });
}

}  // namespace netstall
