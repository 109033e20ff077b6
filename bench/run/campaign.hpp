// All repetitions of all cells, in the plan's order, each one safe on disk before
// the next begins.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "bench/run/journal.hpp"
#include "bench/run/privileges.hpp"
#include "bench/run/repetition.hpp"
#include "model/plan.hpp"

namespace netstall {

// What a terminal shows while it runs.
struct CampaignProgress {
  std::size_t done = 0;
  std::size_t total = 0;
  std::string cell;
  std::uint32_t repetition = 0;  // of the cell, from 0
  std::string phase = {};
  Nanoseconds left{0};
  std::optional<Glance> glance = {};  // only within a window
};

struct CampaignOptions {
  ProbeMode probes = ProbeMode::automatic;
  std::filesystem::path journal;
  std::string tool;                              // version and revision, for the journal's head
  bool resume = false;                           // go on with a journal that is there
  Privileges privileges;                         // take_privileges()
  std::function<void(const std::string&)> say;   // a line for -v
  std::function<void(const std::string&)> warn;  // what was left of a killed run
  std::function<void(const CampaignProgress&)> progress;
  // Before a repetition beyond /timing/repetitions, by the cell's place in the campaign and
  // the repetition's index: whether the cell has enough. Absent: none has.
  std::function<bool(std::uint32_t cell, std::uint32_t index)> enough;
};

struct CampaignOutcome {
  bool interrupted = false;
  bool any_failed = false;
  bool all_skipped = false;
  std::vector<std::string> not_restored;
  // The journal could not be written: it ended there, with all before it kept.
  std::optional<Error> journal_error;
};

// The head of the journal that run_campaign() writes for these; its time is left open.
JournalHead journal_head_of(const Campaign& campaign, const Plan& plan,
                            const CampaignOptions& options);

// How long the repetitions of a plan take that are not among the finished ones.
Nanoseconds time_of(const Campaign& campaign, const Plan& plan,
                    const std::vector<FinishedRepetition>& finished);

// Appends one line per finished repetition to the journal, which must not hold
// another run's; with `resume` those that it holds are not run again. A signal ends it with what is
// finished (the running repetition is undone and journalled as interrupted). Throws Error
// (incapable) without the privileges it needs, and what fails before anything was measured.
CampaignOutcome run_campaign(const Campaign& campaign, const Plan& plan,
                             const CampaignOptions& options);

}  // namespace netstall
