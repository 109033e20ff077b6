// The options that every command which takes a scenario shares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/names.hpp"
#include "model/plan.hpp"
#include "model/scenario_json.hpp"

namespace CLI {
class App;
}

namespace netstall {

struct ScenarioCommandOptions {
  std::string scenario;  // a file, or a shipped scenario's name
  std::vector<std::string> set;
  std::optional<std::string> profile;
  std::uint64_t seed = 1;
  bool allow_host_sysctl = false;
  std::string tcp_mem_floor = "8MiB";  // "none": no floor
  std::string tcp_mem_time = "15s";    // "none": no limit
  bool quiet = false;
  bool verbose = false;
  std::vector<std::string> cells;  // those to be run, by id or number; empty: all
};

// For commands that open traffic, or plan it.
struct ProbeOptions {
  ProbeMode mode = ProbeMode::automatic;
};

void add_scenario_options(CLI::App& command, ScenarioCommandOptions& options);
// The same without the scenario itself.
void add_setting_options(CLI::App& command, ScenarioCommandOptions& options);
// For commands that can take some cells alone.
void add_cell_option(CLI::App& command, ScenarioCommandOptions& options);
void add_probe_option(CLI::App& command, ProbeOptions& options);

// Reads the scenario file with --set and --profile, and chooses its cells; throws Error
// listing all faults, or where there is no such cell.
Campaign load_campaign(const ScenarioCommandOptions& options);

// The command that runs the scenario with these settings, all of its cells, quoted for
// a shell.
std::string command_to_run(const ScenarioCommandOptions& options, const ProbeOptions& probes = {});

// Throws Error (usage) for an expectation, or a /timing/until, that nobody could judge.
void require_sound_expectations(const Campaign& campaign);

// Throws Error (usage) naming the host-wide settings if they are not allowed, or a
// tcp_mem that could cut this machine off: too low, or lowered for too long.
void require_host_sysctl_allowed(const Campaign& campaign, const ScenarioCommandOptions& options);

}  // namespace netstall
