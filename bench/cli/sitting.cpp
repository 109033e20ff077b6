#include "bench/cli/sitting.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <utility>

#include "base/clock.hpp"
#include "base/file.hpp"
#include "bench/cli/interleaved.hpp"
#include "bench/cli/live_campaign.hpp"
#include "bench/cli/verdict_options.hpp"
#include "bench/observe/environment.hpp"
#include "bench/observe/limits.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

constexpr std::uint32_t kMostBlocks = 500;

// The journal of a sitting, gone with it.
class SittingJournal {
 public:
  SittingJournal()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("netstall-sitting-{}.journal", ::getpid())) {
    std::error_code none;
    std::filesystem::remove(path_, none);
  }
  SittingJournal(const SittingJournal&) = delete;
  SittingJournal& operator=(const SittingJournal&) = delete;
  ~SittingJournal() {
    std::error_code none;
    std::filesystem::remove(path_, none);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

std::string kept_file(const SittingOptions& options, std::string_view arm) {
  return fmt::format("{}-{}.json", options.keep, arm);
}

std::string note_of(const SittingOptions& options) {
  return fmt::format(
      "{} blocks of 2 + 2 repetitions of each cell in an order drawn from seed {}; a warm-up of "
      "each arm was discarded.",
      options.blocks, options.scenario.seed);
}

}  // namespace

void add_sitting_options(CLI::App& command, SittingOptions& options) {
  add_scenario_options(command, options.scenario);
  add_probe_option(command, options.probes);
  command
      .add_option("--blocks", options.blocks,
                  "Blocks of two repetitions of each arm, instead of the scenario's repetitions")
      ->type_name("N")
      ->check(CLI::Range(1U, kMostBlocks).description(""))
      ->capture_default_str();
  command
      .add_option("--keep", options.keep,
                  "Keep the reports of both arms: PREFIX-a.json, PREFIX-b.json")
      ->type_name("PREFIX");
}

Sitting run_sitting(const SittingArm& a, const SittingArm& b, const MetricSelection& selection,
                    const SittingOptions& options, CompareOptions how) {
  for (const auto* arm : {&a, &b}) require_host_sysctl_allowed(arm->campaign, options.scenario);
  const auto seed = options.scenario.seed;
  const auto experiment = interleave(a.campaign, b.campaign, read_limits(), options.blocks, seed);
  const auto privileges = take_privileges();
  if (!options.keep.empty()) require_output_place(kept_file(options, "a"));

  const SittingJournal journal;
  const auto started_at = wall_clock_text();
  Sitting sitting;
  sitting.outcome = run_live(experiment.both, experiment.plan, options.scenario,
                             options.probes.mode, privileges, journal.path());
  auto cells = arms_of(experiment, a.campaign, read_journal(experiment.both, journal.path()));
  const auto report_a =
      report_of(a.campaign, seed, started_at, std::move(cells.a), a.command, privileges);
  const auto report_b =
      report_of(b.campaign, seed, started_at, std::move(cells.b), b.command, privileges);
  if (!options.keep.empty()) {
    replace_file(kept_file(options, "a"), to_json(report_a));
    replace_file(kept_file(options, "b"), to_json(report_b));
  }
  sitting.environment = report_a.environment;
  if (sitting.outcome.interrupted || sitting.outcome.all_skipped) return sitting;
  // The machine and the scenario are one: what differs is the setting.
  auto samples_a = samples_of(report_a, a.name, selection);
  auto samples_b = samples_of(report_b, b.name, selection);
  samples_b.environment = samples_a.environment;
  samples_b.scenario_hash = samples_a.scenario_hash;
  how.design = Design::interleaved;
  sitting.comparison = compare(samples_a, samples_b, how);
  sitting.comparison->notes.push_back(note_of(options));
  return sitting;
}

ExitStatus status_of(const CampaignOutcome& outcome) {
  if (outcome.interrupted) return ExitStatus::interrupted;
  if (outcome.all_skipped) return ExitStatus::incapable;
  return outcome.any_failed || !outcome.not_restored.empty() ? ExitStatus::failed : ExitStatus::ok;
}

}  // namespace netstall
