// As whom a campaign runs: as root, or as an ordinary user in a user namespace, with what
// that gives up.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "bench/observe/namespace_counters.hpp"
#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// Whether what this process makes reaches no further than a user namespace: the one it is
// in, or the one that a run would make for it.
bool rootless();

// What such a run gives up: what → why. Part of its report.
std::map<std::string, std::string> given_up_without_root();

// Why a scenario cannot be run so, though the machine may be able to; or nothing. What can
// be left out is not among it.
std::optional<std::string> why_not_without_root(const Scenario& scenario);

struct Privileges {
  std::filesystem::path state_root;
  // Of the namespace that the program was started in, opened there.
  std::shared_ptr<HostCounters> host;
  // For the report's environment: run.rootless and run.given_up.*, and the host's sysctls,
  // which cannot be read any more. Empty as root.
  Environment facts;
};

// Finds out, and without root moves this process into a user namespace, for good. Call it
// once, while there is one thread, before anything else of a campaign. Throws Error
// (incapable) where there is neither root nor such a namespace.
Privileges take_privileges();

// The machine's facts, now (read_environment), and those of the privileges.
Environment read_environment(const Privileges& privileges);

}  // namespace netstall
