// What the probes' own programs cost the machine, by the kernel's run-time
// statistics.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/fd.hpp"

namespace netstall {

// Switches the kernel's statistics on for as long as it lives, and reads how often
// and how long the given programs ran since. The time is of the programs alone,
// without the kernel's dispatch to them. Measuring is not free, and it taxes every
// BPF program of the machine: hold one only where the cost is asked for.
// The descriptors must outlive it. Not thread-safe.
class ProgramCost {
 public:
  struct Cost {
    std::uint64_t runs = 0;
    std::uint64_t time_ns = 0;
  };

  // Throws Error where the kernel refuses (needs CAP_SYS_ADMIN).
  explicit ProgramCost(std::vector<std::pair<std::string, int>> programs);

  Cost total() const;
  std::map<std::string, Cost> by_program() const;

 private:
  std::vector<std::pair<std::string, int>> programs_;
  Fd statistics_;
  std::map<std::string, Cost> before_;
};

}  // namespace netstall
