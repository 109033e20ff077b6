// What a run in a guest takes of the command line given here.
#pragma once

#include <filesystem>

#include "bench/cli/guest.hpp"
#include "bench/cli/scenario_options.hpp"

namespace netstall {

// The arguments, with files by their whole paths, and the folders that they lie in.
// Nobody else lives in a guest: host-wide settings need no leave there, and tcp_mem has
// no limits but those given. `scenario` is the whole path of its file. The rest of the
// result is the caller's to fill in.
GuestRun guest_run_of(const ScenarioCommandOptions& options, const ProbeOptions& probes,
                      const std::filesystem::path& scenario);

}  // namespace netstall
