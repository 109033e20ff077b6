// One sitting of an interleaved experiment: both arms run, and are compared.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "bench/cli/exit_status.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/run/campaign.hpp"
#include "bench/verdict/blocks.hpp"
#include "bench/verdict/compare.hpp"

namespace netstall {

struct SittingOptions {
  ScenarioCommandOptions scenario;
  ProbeOptions probes;
  std::uint32_t blocks = kDefaultBlocks;
  std::string keep;  // the reports of both arms go to KEEP-a.json and KEEP-b.json
};

void add_sitting_options(CLI::App& command, SittingOptions& options);

struct SittingArm {
  std::string name;  // for people: the setting
  Campaign campaign;
  std::string command;  // that runs it without the other arm
};

struct Sitting {
  // Absent: interrupted, or nothing could be run here.
  std::optional<Comparison> comparison;
  Environment environment;
  CampaignOutcome outcome;
};

// Throws Error as load_campaign, make_plan and run_campaign do.
Sitting run_sitting(const SittingArm& a, const SittingArm& b, const MetricSelection& selection,
                    const SittingOptions& options, CompareOptions how);

// What the run itself says; ok leaves it to the verdict.
ExitStatus status_of(const CampaignOutcome& outcome);

}  // namespace netstall
