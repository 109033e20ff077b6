// Whom a user asks to trace, found on this machine.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "bpf/stall_trace.hpp"

namespace netstall {

// As written on the command line. Several of one sort: any of them; several sorts:
// all of them.
struct TargetNames {
  std::vector<std::uint32_t> pids;
  std::vector<std::string> comms;
  std::vector<std::string> cgroups;  // a folder, or its path below the hierarchy's root
  std::vector<std::string> netns;    // a name of `ip netns`, or a file
  std::vector<std::uint32_t> ports;
};

struct Targets {
  TraceFilter filter;
  std::vector<Fd> processes;   // pidfds of the pids: readable once they are gone
  std::vector<Fd> namespaces;  // hold them, so that their numbers stay theirs
};

// Throws Error (usage) for what is not there, and what is something else.
Targets find_targets(const TargetNames& names);

}  // namespace netstall
