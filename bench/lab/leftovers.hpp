// What of netstall is on this machine: for doctor, and for the tests that nothing is.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/lab/guardian.hpp"

namespace netstall {

// Something of netstall's on this machine.
struct Remnant {
  enum class Kind { run, cgroup, process, link };
  Kind kind = Kind::run;
  std::string name;  // folder, path, "PID COMMAND", or interface
  // It belongs to a run whose controller or guardian lives; of a process cannot be
  // told which, so there: any run does.
  bool in_use = false;
};

// All that can be found: journals under `root`, memory cgroups named netstall-*,
// processes started under a name netstall-*, and links netstall* where the
// calling thread is. A namespace without process or link cannot be listed.
std::vector<Remnant> leftovers(const std::filesystem::path& root = kRunRoot,
                               const std::filesystem::path& proc = "/proc");

std::string to_text(const Remnant& remnant);

}  // namespace netstall
