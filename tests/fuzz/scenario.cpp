// Text of a scenario: faults, or a campaign that says the same when its resolved form is
// read again, and that can be planned or is refused with a sentence.
#include "base/error.hpp"
#include "model/plan.hpp"
#include "model/scenario_json.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace netstall;

// Longer ones only take longer to plan.
constexpr std::size_t kMostCells = 8;
constexpr std::uint32_t kMostRepetitions = 100;

bool is_short(const Campaign& campaign) {
  if (campaign.cells.size() > kMostCells) return false;
  for (std::size_t i = 0; i < campaign.cells.size(); ++i) {
    if (campaign.cells.timing(i).repetitions > kMostRepetitions) return false;
  }
  return true;
}

void plan(const Campaign& campaign) {
  try {
    require(!make_plan(campaign, Limits{}, 1).order.empty());
  } catch (const Error&) {
    // More than the machine has.
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = parse_scenario(text_of(data, size), "fuzzed", {});
  require(parsed.campaign.has_value() == parsed.faults.empty());
  for (const auto& fault : parsed.faults) require(!to_text(fault).empty());
  if (!parsed.campaign) return 0;
  const auto again = parse_scenario(parsed.campaign->resolved_json, "fuzzed", {});
  require(again.campaign && again.campaign->hash == parsed.campaign->hash);
  if (is_short(*parsed.campaign)) plan(*parsed.campaign);
  return 0;
}
