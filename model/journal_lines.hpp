// The lines of a run's journal that are no repetitions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/names.hpp"

namespace netstall {

// The first: what repetitions in it have in common, and must have with those that a
// resumed run adds.
struct JournalHead {
  std::string scenario_hash;
  std::vector<std::uint32_t> cells;  // the chosen ones' places in the sweep; empty: all
  std::uint64_t seed = 0;
  ProbeMode probes = ProbeMode::automatic;
  std::string tool;    // version and revision
  std::string kernel;  // release
  std::string started_at;
};

// One for each time that a killed or interrupted run was gone on with.
struct JournalResumption {
  std::string resumed_at;
};

std::string to_json_line(const JournalHead& head);
// Throws Error (usage) on what is none.
JournalHead journal_head_from_json_line(std::string_view line);
std::string to_json_line(const JournalResumption& resumption);
// Nothing where the line is another one.
std::optional<JournalResumption> journal_resumption_from_json_line(std::string_view line);

}  // namespace netstall
