#include "bench/run/feasibility.hpp"

#include <algorithm>

#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/device.hpp"
#include "bench/lab/lab_link.hpp"
#include "bench/lab/qdisc.hpp"
#include "bench/run/ring_worker.hpp"

namespace netstall {

std::optional<std::string> Feasibility::why_not(const Scenario& scenario) {
  if (without_root_) {
    if (auto why = why_not_without_root(scenario)) return why;
  }
  const auto& of_tcp = scenario.lab.tcp_memory_limit;
  if (of_tcp.client || of_tcp.server) {
    if (const auto& why = why_no_tcp_limit()) return why;
  }
  const auto& limit = scenario.lab.memory_limit;
  if (limit.client.any() || limit.server.any()) {
    if (const auto& why = why_no_limit()) return why;
  }
  if (const auto& devices = scenario.lab.devices) {
    for (const auto& name : {devices->client, devices->server}) {
      if (auto why = why_not_device(name)) return why;
    }
  }
  if (scenario.lab.clients > 1) {
    if (const auto& why = why_not_bridge()) return why;
  }
  if (std::any_of(scenario.flows.begin(), scenario.flows.end(),
                  [](const FlowGroup& flow) { return flow.io == Io::io_uring; })) {
    if (const auto& why = why_no_ring()) return why;
  }
  for (const auto side : {Side::client, Side::server}) {
    const auto qdisc = root_qdisc_of(scenario.lab.link, side);
    if (!qdisc) continue;
    if (const auto& why = why_not_qdisc(*qdisc)) return why;
  }
  return std::nullopt;
}

const std::optional<std::string>& Feasibility::why_no_tcp_limit() {
  if (!tcp_memory_limit_) tcp_memory_limit_ = why_no_tcp_memory_limit();
  return *tcp_memory_limit_;
}

const std::optional<std::string>& Feasibility::why_no_limit() {
  if (!memory_limit_) memory_limit_ = why_no_memory_limit();
  return *memory_limit_;
}

const std::optional<std::string>& Feasibility::why_no_ring() {
  if (!ring_) ring_ = why_no_ring_worker();
  return *ring_;
}

const std::optional<std::string>& Feasibility::why_not_bridge() {
  if (!bridge_) bridge_ = why_no_bridge();
  return *bridge_;
}

const std::optional<std::string>& Feasibility::why_not_qdisc(const std::string& qdisc) {
  const auto known = qdiscs_.find(qdisc);
  if (known != qdiscs_.end()) return known->second;
  return qdiscs_.emplace(qdisc, why_no_qdisc(qdisc)).first->second;
}

}  // namespace netstall
