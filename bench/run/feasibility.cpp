#include "bench/run/feasibility.hpp"

#include "bench/lab/qdisc.hpp"
#include "bench/lab/tcp_memory_cgroup.hpp"

namespace netstall {

std::optional<std::string> Feasibility::why_not(const Scenario& scenario) {
  const auto& limit = scenario.lab.tcp_memory_limit;
  if (limit.client || limit.server) {
    if (auto why = why_no_limit()) return why;
  }
  for (const auto side : {Side::client, Side::server}) {
    const auto qdisc = root_qdisc_of(scenario.lab.link, side);
    if (!qdisc) continue;
    if (const auto& why = why_not_qdisc(*qdisc)) return why;
  }
  return std::nullopt;
}

std::optional<std::string> Feasibility::why_no_limit() {
  if (!memory_limit_) memory_limit_ = why_no_memory_limit();
  return *memory_limit_;
}

const std::optional<std::string>& Feasibility::why_not_qdisc(const std::string& qdisc) {
  const auto known = qdiscs_.find(qdisc);
  if (known != qdiscs_.end()) return known->second;
  return qdiscs_.emplace(qdisc, why_no_qdisc(qdisc)).first->second;
}

}  // namespace netstall
