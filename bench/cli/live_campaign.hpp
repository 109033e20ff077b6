// A campaign with its progress on a terminal, and the report of what it found: what
// `run`, `ab` and `calibrate` do alike.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "bench/cli/scenario_options.hpp"
#include "bench/run/campaign.hpp"
#include "model/report.hpp"

namespace netstall {

// Runs the plan, or with `resume` what the journal does not hold of it; `watch` is
// called with every progress. With `until_enough` cells with /timing/until end as soon as
// they have enough repetitions. What was not put back is said on stderr.
CampaignOutcome run_live(const Campaign& campaign, const Plan& plan,
                         const ScenarioCommandOptions& options, ProbeMode probes,
                         const Privileges& privileges, const std::filesystem::path& journal,
                         const std::function<void(const CampaignProgress&)>& watch = {},
                         bool resume = false, bool until_enough = false);

// Throws Error (usage) where run_live() could not go on with that journal.
void require_resumable(const Campaign& campaign, const Plan& plan, ProbeMode probes,
                       const std::filesystem::path& journal);

// The cells of the journal as a report, with the scenario's expectations judged.
Report report_of(const Campaign& campaign, std::uint64_t seed, std::string started_at,
                 std::vector<CellResult> cells, std::string command, const Privileges& privileges);

}  // namespace netstall
