#include "bench/cli/guest_arguments.hpp"

#include <fmt/format.h>

#include <optional>
#include <string>
#include <system_error>

namespace netstall {
namespace {

namespace fs = std::filesystem;

// The file that --profile names; nothing for a shipped profile's name.
std::optional<fs::path> profile_file(const ScenarioCommandOptions& options) {
  std::error_code none;
  if (!options.profile || !fs::exists(*options.profile, none)) return std::nullopt;
  return fs::canonical(*options.profile);
}

const std::string& given_or_none(const std::string& given, const std::string& usual) {
  static const std::string kNone = "none";
  return given == usual ? kNone : given;
}

}  // namespace

GuestRun guest_run_of(const ScenarioCommandOptions& options, const ProbeOptions& probes,
                      const fs::path& scenario) {
  GuestRun run;
  // Profiles are looked for beside the scenario's folder, too.
  run.shown = {scenario.parent_path(), scenario.parent_path().parent_path()};
  auto& words = run.arguments;
  words = {"run", scenario.string(), "--allow-host-sysctl", fmt::format("--seed={}", options.seed)};
  for (const auto& text : options.set) words.push_back("--set=" + text);
  for (const auto& cell : options.cells) words.push_back("--cell=" + cell);
  if (const auto file = profile_file(options)) {
    words.push_back("--profile=" + file->string());
    run.shown.push_back(file->parent_path());
  } else if (options.profile) {
    words.push_back("--profile=" + *options.profile);
  }
  const ScenarioCommandOptions usual;
  words.push_back("--tcp-mem-floor=" + given_or_none(options.tcp_mem_floor, usual.tcp_mem_floor));
  words.push_back("--tcp-mem-time=" + given_or_none(options.tcp_mem_time, usual.tcp_mem_time));
  words.push_back(fmt::format("--probes={}", name_of(probes.mode)));
  if (options.quiet) words.emplace_back("-q");
  if (options.verbose) words.emplace_back("-v");
  return run;
}

}  // namespace netstall
