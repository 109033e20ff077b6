#include "bench/run/privileges.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/user_namespace.hpp"
#include "bench/lab/state_root.hpp"
#include "bench/observe/environment.hpp"

namespace netstall {
namespace {

constexpr const char* kHostSysctl = "sysctl.host.";
constexpr const char* kAsRoot = "Run it as root (sudo netstall), or in a guest (--guest 6.12).";

// One that the scenario calls optional is left out, and said.
std::optional<std::string> needed(const SysctlSpec& sysctl) {
  for (const auto* values : {&sysctl.host, &sysctl.window}) {
    for (const auto& [key, value] : *values) {
      if (!sysctl.optional.contains(key)) return key;
    }
  }
  return std::nullopt;
}

}  // namespace

bool rootless() {
  return !in_first_user_namespace() || !may_make_namespaces();
}

std::map<std::string, std::string> given_up_without_root() {
  return {{"probes", "eBPF needs root: stalls are the workers' own clocks', without their cause"},
          {"host_sysctls", "only root may write those of the whole machine"},
          {"devices", "only root may move ports of the machine"},
          {"tcp_memory_limit", "a cgroup that limits TCP memory can be made by root alone"},
          {"memory_limit",
           "a cgroup that limits memory needs one of this user's own to be made in (systemd-run "
           "--user --scope -p Delegate=yes)"},
          {"force_buffers", "buffers beyond net.core.wmem_max and rmem_max need root"},
          {"busy_poll", "SO_BUSY_POLL needs root"},
          {"softirq_cpus", "receive packet steering needs root"},
          {"locked_memory", "RLIMIT_MEMLOCK stays as it is: it bounds what MSG_ZEROCOPY may pin"},
          {"turns",
           "measured windows take turns with this user's own runs alone, not with other users'"},
          {"worker_user", "workers run as the user who started the run, without capabilities"}};
}

std::optional<std::string> why_not_without_root(const Scenario& scenario) {
  if (const auto key = needed(scenario.sysctl)) {
    return fmt::format("{} holds for the whole machine, and only root may write it. {}", *key,
                       kAsRoot);
  }
  if (scenario.lab.devices) {
    return fmt::format("lab.devices takes ports of the machine, which only root may. {}", kAsRoot);
  }
  for (const auto& flow : scenario.flows) {
    const bool forced = flow.socket.force_buffers;
    if (!needs_net_admin(flow.socket)) continue;
    return fmt::format("Flow {} has {}, for which the kernel wants root. {}", flow.name,
                       forced ? "socket.force_buffers" : "socket.busy_poll", kAsRoot);
  }
  for (const auto side : {Side::client, Side::server}) {
    if (!scenario.lab.placement[side].softirq_cpus) continue;
    return fmt::format(
        "The {} has lab.placement's softirq_cpus, and receive packet steering needs root. {}",
        name_of(side), kAsRoot);
  }
  return std::nullopt;
}

Privileges take_privileges() {
  Privileges privileges{state_root(), std::make_shared<HostCounters>(), {}};
  make_state_root(privileges.state_root);
  if (!rootless()) return privileges;
  for (auto& [name, value] : read_environment()) {
    if (name.starts_with(kHostSysctl)) privileges.facts.emplace(name, value);
  }
  if (!may_make_namespaces()) enter_user_namespace();
  privileges.facts["run.rootless"] = "in a user namespace";
  for (const auto& [what, why] : given_up_without_root()) {
    privileges.facts["run.given_up." + what] = why;
  }
  return privileges;
}

Environment read_environment(const Privileges& privileges) {
  auto facts = read_environment();
  if (privileges.facts.empty()) return facts;
  std::erase_if(facts, [](const auto& fact) { return fact.first.starts_with(kHostSysctl); });
  facts.insert(privileges.facts.begin(), privileges.facts.end());
  return facts;
}

}  // namespace netstall
