#include "bench/cli/scenario_options.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <filesystem>
#include <set>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/shell_word.hpp"
#include "base/units.hpp"
#include "bench/cli/chosen_cells.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/sysctl_scope.hpp"
#include "bench/lab/tcp_mem.hpp"
#include "bench/verdict/expectations.hpp"
#include "bench/verdict/precision.hpp"

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
  command
      .add_option("--tcp-mem-floor", options.tcp_mem_floor,
                  "The least that net.ipv4.tcp_mem of the host may be set to, its third field, or "
                  "\"none\"")
      ->type_name("SIZE")
      ->capture_default_str();
  command
      .add_option(
          "--tcp-mem-time", options.tcp_mem_time,
          "The longest that a repetition may plan to keep net.ipv4.tcp_mem of the host lowered, or "
          "\"none\"; 15 s beyond its plan, 25 s with UDP, it is put back whatever happens")
      ->type_name("TIME")
      ->capture_default_str();
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
  reading.host_wide = host_wide_sysctls;
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
  const ScenarioCommandOptions defaults;
  if (options.tcp_mem_floor != defaults.tcp_mem_floor) {
    command += " --tcp-mem-floor " + shell_word(options.tcp_mem_floor);
  }
  if (options.tcp_mem_time != defaults.tcp_mem_time) {
    command += " --tcp-mem-time " + shell_word(options.tcp_mem_time);
  }
  if (probes.mode != ProbeMode::automatic)
    command += fmt::format(" --probes {}", name_of(probes.mode));
  return command;
}

void require_sound_expectations(const Campaign& campaign) {
  for (const Cell cell : campaign.cells) {
    const auto& until = cell.scenario.timing.until;
    if (const auto fault = until ? fault_of(*until) : std::nullopt) {
      throw Error(ErrorKind::usage, fmt::format("/timing/until of cell {}", cell.id), *fault);
    }
    for (std::size_t i = 0; i < cell.scenario.expect.size(); ++i) {
      if (const auto fault = fault_of(cell.scenario.expect[i])) {
        throw Error(ErrorKind::usage, fmt::format("/expect/{} of cell {}", i, cell.id), *fault);
      }
    }
  }
}

namespace {

// An option's quantity, or nothing for "none".
template <class T>
std::optional<T> limit_of(const std::string& text, const char* option,
                          Parsed<T> (*parse)(std::string_view)) {
  if (text == "none") return std::nullopt;
  const auto value = parse(text);
  if (value) return *value;
  throw Error(ErrorKind::usage, fmt::format("read {} {}", option, text), value.why(),
              "\"none\" is no limit");
}

void require_reachable(const Cell& cell, const std::string& value, Nanoseconds time,
                       const ScenarioCommandOptions& options) {
  const auto operation = fmt::format("set {} to {} on the host, cell {}", kTcpMem, value, cell.id);
  const auto wanted = tcp_mem_of(value);
  if (!wanted) {
    throw Error(ErrorKind::usage, operation, "these are not three numbers of pages",
                "give min, pressure and max, as 287898 383866 575796");
  }
  const auto now = tcp_mem_of(try_read_file("/proc/sys/net/ipv4/tcp_mem").value_or(""));
  if (now && !lowers(*now, *wanted)) return;
  const auto pages = wanted->back();
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  const auto floor = limit_of(options.tcp_mem_floor, "--tcp-mem-floor", parse_bytes);
  if (floor && pages < floor->count / page) {
    throw Error(ErrorKind::usage, operation,
                fmt::format("at most {} pages for all TCP of the machine are below the floor of {}",
                            pages, floor->count / page),
                "another one can be given by --tcp-mem-floor; a guest has a tcp_mem of its own "
                "(netstall run --guest 6.12)");
  }
  const auto longest = limit_of(options.tcp_mem_time, "--tcp-mem-time", parse_duration);
  if (longest && time > *longest) {
    throw Error(
        ErrorKind::usage, operation,
        fmt::format("lowered for {} in each repetition, longer than {}",
                    human_duration(static_cast<double>(time.count())), options.tcp_mem_time),
        "measure for less, or give another limit by --tcp-mem-time");
  }
}

void require_reachable(const Cell& cell, const ScenarioCommandOptions& options) {
  const auto& timing = cell.scenario.timing;
  const auto check = [&](const SysctlMap& values, Nanoseconds time) {
    const auto at = values.find(std::string(kTcpMem));
    if (at != values.end()) require_reachable(cell, at->second, time, options);
  };
  check(cell.scenario.sysctl.host, timing.ramp + timing.warmup + timing.measure);
  check(cell.scenario.sysctl.window, timing.measure);
}

}  // namespace

void require_host_sysctl_allowed(const Campaign& campaign, const ScenarioCommandOptions& options) {
  std::set<std::string> keys;
  for (const Cell cell : campaign.cells) {
    for (const auto* values : {&cell.scenario.sysctl.host, &cell.scenario.sysctl.window}) {
      for (const auto& [key, value] : *values) keys.insert(key);
    }
    if (options.allow_host_sysctl) require_reachable(cell, options);
  }
  for (const auto& key : keys) {
    if (const auto others = changes_beside(key)) {
      throw Error(
          ErrorKind::usage, fmt::format("set {} on the host", key),
          fmt::format("the kernel changes {} with it, which could not be put back", *others),
          "set it for a side (\"client\", \"server\"), or for the machine before the run");
    }
  }
  if (keys.empty() || options.allow_host_sysctl) return;
  throw Error(ErrorKind::usage, fmt::format("set {} on the host", fmt::join(keys, ", ")),
              "this reaches every program on the machine",
              "allow it with --allow-host-sysctl; it is put back after each repetition");
}

}  // namespace netstall
