#include "bench/run/feasibility.hpp"

#include "bench/lab/tcp_memory_cgroup.hpp"

namespace netstall {

std::optional<std::string> Feasibility::why_not(const Scenario& scenario) {
  const auto& limit = scenario.lab.tcp_memory_limit;
  if (!limit.client && !limit.server) return std::nullopt;
  if (!memory_limit_) memory_limit_ = why_no_memory_limit();
  return *memory_limit_;
}

}  // namespace netstall
