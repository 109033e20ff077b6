// Puts the values of a scenario's profile into the document itself, beneath the
// scenario's own: what is left has no profile, and needs no file beside it.
#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/faults.hpp"
#include "model/json_pointer.hpp"
#include "model/profile.hpp"

namespace netstall {

// Takes "/profile" away and adds its values to /sysctl: names that begin with
// "net." to both sides, or to the one for which {"client": path, "server": path}
// names it; others, and those that `host_wide` knows, to "host". A value at a place of `kept` (what
// --set was given) or that the scenario itself sets stays as it is.
// A sweep over "/profile" becomes an axis "profile" of settings.
// A profile that cannot be read or parsed is a fault. Returns the profile's name
// where all cells have it.
std::optional<std::string> merge_profiles(nlohmann::json& document,
                                          std::span<const std::filesystem::path> folders,
                                          std::span<const Tokens> kept, const HostWide& host_wide,
                                          Faults& faults);

}  // namespace netstall
