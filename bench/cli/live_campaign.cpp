#include "bench/cli/live_campaign.hpp"

#include <fmt/format.h>

#include <cmath>
#include <utility>

#include "base/units.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/cli/version.hpp"
#include "bench/verdict/expectations.hpp"
#include "bench/verdict/precision.hpp"

namespace netstall {
namespace {

// "12 s", "3:20 min".
std::string time_to_go(Nanoseconds left) {
  const auto seconds =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(left.count()) / 1e9));
  if (seconds < 100) return fmt::format("{} s", seconds);
  return fmt::format("{}:{:02} min", seconds / 60, seconds % 60);
}

// The cell comes last: where the terminal is narrow, its name is what is cut.
void show_progress(LiveLine& live, const CampaignProgress& progress) {
  auto doing = progress.phase;
  if (const auto& glance = progress.glance) {
    doing = fmt::format("{} connections, {}/s, {} blocked", glance->connections,
                        human_bytes(glance->goodput_bytes_per_s), glance->blocked_senders);
  }
  live.show(fmt::format("[{}/{}] {} to go | {} | {} #{}", progress.done + 1, progress.total,
                        time_to_go(progress.left), doing, progress.cell, progress.repetition));
}

// Which cells of a campaign have enough repetitions. Repetitions come in rounds: the journal
// is read once a round.
class Enough {
 public:
  Enough(const Campaign& campaign, const std::filesystem::path& journal)
      : campaign_(campaign), journal_(journal) {}

  bool operator()(std::uint32_t cell, std::uint32_t index) {
    if (round_ != index) {
      round_ = index;
      settled_.clear();
      for (const auto& result : read_journal(campaign_, journal_)) {
        const auto until = campaign_.cells.timing(settled_.size()).until;
        settled_.push_back(until && judge_precision(*until, result).reached);
      }
    }
    return settled_.at(cell);
  }

 private:
  const Campaign& campaign_;
  std::filesystem::path journal_;
  std::optional<std::uint32_t> round_;
  std::vector<bool> settled_;  // by cell, before that round
};

// The program, as the journal of a run names it.
std::string tool_text() {
  const auto tool = tool_facts();
  return fmt::format("{} (revision {})", tool.version, tool.revision);
}

}  // namespace

void require_resumable(const Campaign& campaign, const Plan& plan, ProbeMode probes,
                       const std::filesystem::path& journal) {
  CampaignOptions options;
  options.probes = probes;
  options.tool = tool_text();
  require_resumable(journal, journal_head_of(campaign, plan, options));
}

CampaignOutcome run_live(const Campaign& campaign, const Plan& plan,
                         const ScenarioCommandOptions& options, ProbeMode probes,
                         const Privileges& privileges, const std::filesystem::path& journal,
                         const std::function<void(const CampaignProgress&)>& watch, bool resume,
                         bool until_enough) {
  if (!options.quiet && privileges.facts.contains("run.rootless")) {
    fmt::print(stderr,
               "Without root, in a user namespace: no probes; the report says what else is given "
               "up.\n");
  }
  LiveLine live(!options.quiet);
  CampaignOptions running;
  running.probes = probes;
  running.privileges = privileges;
  running.journal = journal;
  running.tool = tool_text();
  running.resume = resume;
  if (until_enough) running.enough = Enough(campaign, journal);
  if (options.verbose) running.say = [&](const std::string& line) { live.say(line); };
  running.progress = [&](const CampaignProgress& progress) {
    if (options.verbose && progress.phase == "lab" && !progress.glance) {
      live.say(
          fmt::format("repetition {} of {}: {}", progress.done + 1, progress.total, progress.cell));
    }
    show_progress(live, progress);
    // Within a window nothing is done that could wait.
    if (watch && !progress.glance) watch(progress);
  };
  auto outcome = run_campaign(campaign, plan, running);
  live.clear();
  for (const auto& line : outcome.not_restored) {
    fmt::print(stderr, "netstall: not put back: {}\n", line);
  }
  if (outcome.journal_error) throw *outcome.journal_error;
  return outcome;
}

Report report_of(const Campaign& campaign, std::uint64_t seed, std::string started_at,
                 std::vector<CellResult> cells, std::string command, const Privileges& privileges) {
  Report report;
  report.tool = tool_facts();
  report.environment = read_environment(privileges);
  report.scenario_json = campaign.resolved_json;
  report.scenario_hash = campaign.hash;
  report.seed = seed;
  report.started_at = std::move(started_at);
  report.command = std::move(command);
  report.selection = campaign.selection;
  report.cells = std::move(cells);
  const ExpectationJudge judge(report.cells);
  for (std::size_t i = 0; i < report.cells.size(); ++i) {
    const auto scenario = campaign.cells[i].scenario;
    const auto& expect = scenario.expect;
    auto& cell = report.cells[i];
    if (const auto& until = scenario.timing.until) cell.precision = judge_precision(*until, cell);
    cell.expectations = judge.judge(expect, cell);
    for (auto& repetition : cell.repetitions) {
      repetition.expectations = observe(expect, repetition);
      // Of the whole sweep, as in a report of all its cells.
      if (campaign.selection) repetition.cell = campaign.selection->indices.at(i);
    }
  }
  return report;
}

}  // namespace netstall
