// A run inside a throw-away kernel (scripts/vm.sh): for host-wide settings without
// touching the host, and for what the host's kernel lacks.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "bench/cli/exit_status.hpp"

namespace netstall {

struct GuestRun {
  std::string kernel;                        // as vm.sh takes it: "6.12"
  std::vector<std::string> arguments;        // of `netstall run`, without -o
  std::vector<std::filesystem::path> files;  // that it reads
  std::filesystem::path report;              // where the report goes on the host
};

// Boots the kernel, runs netstall there with everything host-wide allowed, and brings the
// report back. Output and exit status are those of the guest. Throws Error (incapable)
// where vm.sh is not to be found.
ExitStatus run_in_guest(const GuestRun& run);

}  // namespace netstall
