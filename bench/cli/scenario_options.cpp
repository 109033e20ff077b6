#include "bench/cli/scenario_options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/shell_word.hpp"
#include "bench/cli/chosen_cells.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/verdict/expectations.hpp"

namespace netstall {

void add_scenario_options(CLI::App& command, ScenarioCommandOptions& options) {
  command
      .add_option("scenario", options.scenario,
                  "Scenario file (JSON with comments), or the name of a shipped one")
      ->required()
      ->type_name(kScenarioValue);
  add_setting_options(command, options);
}

void add_setting_options(CLI::App& command, ScenarioCommandOptions& options) {
  command
      .add_option("--set", options.set,
                  "Set a value of the scenario: a JSON pointer, '=', a JSON value or a bare word; "
                  "repeatable")
      ->type_name("POINTER=VALUE")
      ->allow_extra_args(false);
  command
      .add_option("--profile", options.profile,
                  "sysctl.d file for both sides, or a shipped profile's name, instead of the "
                  "scenario's")
      ->type_name(kProfileValue);
  command.add_option("--seed", options.seed, "Seed of the order of cells and of everything random")
      ->type_name("N")
      ->capture_default_str();
  command.add_flag("--allow-host-sysctl", options.allow_host_sysctl,
                   "Allow settings that reach the whole machine, for as long as a lab stands");
  command.add_flag("-q,--quiet", options.quiet, "No progress, no summary");
  command.add_flag("-v,--verbose", options.verbose, "Say every effective option and step");
}

void add_cell_option(CLI::App& command, ScenarioCommandOptions& options) {
  command
      .add_option("--cell", options.cells,
                  "Only this cell of the sweep, by its id as plan and reports show it, or by its "
                  "number; repeatable")
      ->type_name("ID")
      ->allow_extra_args(false);
}

void add_probe_option(CLI::App& command, ProbeOptions& options) {
  std::map<std::string, ProbeMode> modes;
  for (std::size_t i = 0; i < Names<ProbeMode>::list.size(); ++i) {
    modes.emplace(Names<ProbeMode>::list[i], static_cast<ProbeMode>(i));
  }
  command
      .add_option("--probes", options.mode,
                  "eBPF probes: auto (what loads), off, or require (fail without)")
      ->transform(CLI::CheckedTransformer(modes).description(""))
      ->type_name("auto|off|require");
}

Campaign load_campaign(const ScenarioCommandOptions& options) {
  const auto shipped = Shipped::beside_program();
  const auto file = find_scenario(options.scenario, shipped);
  ScenarioOptions reading;
  for (const auto& text : options.set) reading.overrides.push_back(parse_override(text));
  reading.profile = options.profile;
  const auto folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  reading.profile_folders = {".", folder, folder / "..", shipped.scenario_folder()};
  return choose_cells(load_scenario(file, reading), options.cells);
}

std::string command_to_run(const ScenarioCommandOptions& options, const ProbeOptions& probes) {
  auto command = fmt::format("netstall run {}", shell_word(options.scenario));
  for (const auto& text : options.set) command += " --set " + shell_word(text);
  if (options.profile) command += " --profile " + shell_word(*options.profile);
  if (options.seed != ScenarioCommandOptions{}.seed) {
    command += fmt::format(" --seed {}", options.seed);
  }
  if (options.allow_host_sysctl) command += " --allow-host-sysctl";
  if (probes.mode != ProbeMode::automatic)
    command += fmt::format(" --probes {}", name_of(probes.mode));
  return command;
}

void require_sound_expectations(const Campaign& campaign) {
  for (const Cell cell : campaign.cells) {
    for (std::size_t i = 0; i < cell.scenario.expect.size(); ++i) {
      if (const auto fault = fault_of(cell.scenario.expect[i])) {
        throw Error(ErrorKind::usage, fmt::format("/expect/{} of cell {}", i, cell.id), *fault);
      }
    }
  }
}

void require_host_sysctl_allowed(const Campaign& campaign, const ScenarioCommandOptions& options) {
  if (options.allow_host_sysctl) return;
  std::set<std::string> keys;
  for (const Cell cell : campaign.cells) {
    for (const auto& [key, value] : cell.scenario.sysctl.host) keys.insert(key);
  }
  if (keys.empty()) return;
  throw Error(ErrorKind::usage, fmt::format("set {} on the host", fmt::join(keys, ", ")),
              "this reaches every program on the machine",
              "allow it with --allow-host-sysctl; it is put back after each repetition");
}

}  // namespace netstall
