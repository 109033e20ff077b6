#include "bench/cli/live_campaign.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "bench/cli/terminal.hpp"
#include "bench/cli/version.hpp"
#include "bench/observe/environment.hpp"
#include "bench/verdict/expectations.hpp"

namespace netstall {
namespace {

void show_progress(LiveLine& live, const CampaignProgress& progress) {
  const auto seconds = std::ceil(static_cast<double>(progress.left.count()) / 1e9);
  live.show(fmt::format("[{}/{}] {}: {}, {:.0f} s to go", progress.done + 1, progress.total,
                        progress.cell, progress.phase, seconds));
}

}  // namespace

CampaignOutcome run_live(const Campaign& campaign, const Plan& plan,
                         const ScenarioCommandOptions& options, ProbeMode probes,
                         const std::filesystem::path& journal,
                         const std::function<void(const CampaignProgress&)>& watch, bool resume) {
  LiveLine live(!options.quiet);
  CampaignOptions running;
  running.probes = probes;
  running.journal = journal;
  const auto tool = tool_facts();
  running.tool = fmt::format("{} (revision {})", tool.version, tool.revision);
  running.resume = resume;
  if (options.verbose) running.say = [&](const std::string& line) { live.say(line); };
  running.progress = [&](const CampaignProgress& progress) {
    if (options.verbose && progress.phase == "lab") {
      live.say(
          fmt::format("repetition {} of {}: {}", progress.done + 1, progress.total, progress.cell));
    }
    show_progress(live, progress);
    if (watch) watch(progress);
  };
  auto outcome = run_campaign(campaign, plan, running);
  live.clear();
  for (const auto& line : outcome.not_restored) {
    fmt::print(stderr, "netstall: not put back: {}\n", line);
  }
  return outcome;
}

Report report_of(const Campaign& campaign, std::uint64_t seed, std::string started_at,
                 std::vector<CellResult> cells) {
  Report report;
  report.tool = tool_facts();
  report.environment = read_environment();
  report.scenario_json = campaign.resolved_json;
  report.scenario_hash = campaign.hash;
  report.seed = seed;
  report.started_at = std::move(started_at);
  report.cells = std::move(cells);
  for (std::size_t i = 0; i < report.cells.size(); ++i) {
    const auto expect = campaign.cells[i].scenario.expect;
    auto& cell = report.cells[i];
    for (auto& repetition : cell.repetitions) repetition.expectations = observe(expect, repetition);
    cell.expectations = judge(expect, cell.repetitions);
  }
  return report;
}

}  // namespace netstall
