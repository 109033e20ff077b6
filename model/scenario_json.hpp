// Scenario text → Campaign. Every fault of the text is found in one go.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/profile.hpp"
#include "model/scenario.hpp"

namespace netstall {

struct Fault {
  std::string pointer;  // JSON pointer, as /flows/0/payload/fixed
  std::string found;    // what is there, as JSON text, shortened
  std::string allowed;  // what may be there
  std::string nearest;  // for an unknown word: the nearest known one, or empty
};

// One line, in ASCII: "/timing/measure: found 10; expected a duration …".
std::string to_text(const Fault& fault);

// Given on the command line; set before the text is checked. What is swept cannot
// be set.
struct Override {
  std::string pointer;
  std::string value;  // a JSON value, or a bare word; null takes the key away
};

// "POINTER=VALUE". Throws Error (usage) on anything else.
Override parse_override(std::string_view text);

struct ScenarioOptions {
  std::vector<Override> overrides;
  std::optional<std::string> profile;  // --profile: replaces the scenario's own
  // Where relative profile paths are looked up, in this order; a bare NAME is also
  // profiles/NAME.conf in each.
  std::vector<std::filesystem::path> profile_folders;
  // Which sysctl names of a profile have one value for the whole machine here; none
  // where it is empty: then all that begin with net. are the sides'.
  HostWide host_wide;
};

struct ParsedCampaign {
  std::optional<Campaign> campaign;  // present when there is no fault
  std::vector<Fault> faults;
};

// JSON with comments. `name` is the file's name without ending, for a scenario
// that gives none. At most a hundred faults are listed. A profile that cannot be
// read is a fault too.
ParsedCampaign parse_scenario(std::string_view text, std::string_view name,
                              const ScenarioOptions& options);

// Reads and parses; throws one Error (usage) that lists all faults.
Campaign load_scenario(const std::filesystem::path& path, const ScenarioOptions& options);

}  // namespace netstall
