// netstall plan: what a run would do, write and need. Changes nothing.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/lab/qdisc.hpp"
#include "bench/observe/limits.hpp"
#include "bench/run/feasibility.hpp"
#include "bench/run/probes.hpp"

namespace netstall {
namespace {

constexpr std::size_t kCellsShown = 20;

using ProbeMemory = std::vector<std::pair<ProbeId, std::uint64_t>>;

std::uint64_t sum_of(const ProbeMemory& memory) {
  std::uint64_t bytes = 0;
  for (const auto& [id, one] : memory) bytes += one;
  return bytes;
}

// What cells write, why some cannot be run on this machine, and what the probes of the
// one take whose probes take most; of all cells, in one walk.
struct Survey {
  struct Which {
    std::string first;
    std::size_t count = 0;
  };
  std::map<std::string, std::string> host;
  std::map<std::string, std::string> window;
  std::map<std::string, std::string> sides;
  std::set<std::string> ports;
  std::set<std::uint32_t> clients;  // how many, of each cell
  std::set<std::string> links;
  std::map<std::string, Which> infeasible;  // why → which
  std::size_t cannot_run = 0;
  ProbeMemory probe_memory;
};

// "both ends: netem limit 100000 delay 20000us; mtu 1400; tso off".
std::string text_of(const LabSpec& lab) {
  const auto& link = lab.link;
  std::vector<std::string> parts;
  const auto client = root_qdisc_of(link, Side::client);
  const auto server = root_qdisc_of(link, Side::server);
  if (client && client == server) {
    parts.push_back(fmt::format("both ends: {}", *client));
  } else {
    if (client) parts.push_back(fmt::format("the client's end: {}", *client));
    if (server) parts.push_back(fmt::format("the server's end: {}", *server));
  }
  if (link.mtu) parts.push_back(fmt::format("mtu {}", *link.mtu));
  if (link.txqueuelen) parts.push_back(fmt::format("txqueuelen {}", *link.txqueuelen));
  const auto add = [&parts](const char* name, const std::optional<bool>& on) {
    if (on) parts.push_back(fmt::format("{} {}", name, *on ? "on" : "off"));
  };
  add("tso", link.offload.tso);
  add("gso", link.offload.gso);
  add("gro", link.offload.gro);
  if (!parts.empty()) return fmt::format("{}", fmt::join(parts, "; "));
  return lab.devices ? "as the ports are" : "as the kernel makes it";
}

Survey survey(const Campaign& campaign, const Plan& plan) {
  Survey found;
  Feasibility feasibility;
  std::map<std::string, ProbeMemory> memories;
  for (std::size_t i = 0; i < campaign.cells.size(); ++i) {
    const Cell cell = campaign.cells[i];
    auto [known, is_new] =
        memories.try_emplace(probe_memory_key(cell.scenario, *plan.assignments[i]));
    if (is_new) known->second = probe_memory(cell.scenario, *plan.assignments[i]);
    const auto& memory = known->second;
    if (found.probe_memory.empty() || sum_of(memory) > sum_of(found.probe_memory)) {
      found.probe_memory = memory;
    }
    for (const auto& [key, value] : cell.scenario.sysctl.host) found.host[key] = value;
    for (const auto& [key, value] : cell.scenario.sysctl.window) found.window[key] = value;
    for (const auto side : {Side::client, Side::server}) {
      for (const auto& [key, value] : cell.scenario.sysctl.side[side]) {
        found.sides[fmt::format("{} in {}", key, name_of(side))] = value;
      }
    }
    found.clients.insert(cell.scenario.lab.clients);
    found.links.insert(text_of(cell.scenario.lab));
    if (const auto& devices = cell.scenario.lab.devices) {
      found.ports.insert(fmt::format("{} (client), {} (server)", devices->client, devices->server));
    }
    const auto why = feasibility.why_not(cell.scenario);
    if (!why) continue;
    auto& which = found.infeasible[*why];
    if (which.count++ == 0) which.first = cell.id;
    ++found.cannot_run;
  }
  return found;
}

void print_writes(const Survey& found, bool allowed) {
  const auto* leave = allowed ? "" : "  (needs --allow-host-sysctl)";
  for (const auto& [key, value] : found.host) {
    fmt::print("  host-wide, put back after each repetition: {} = {}{}\n", key, value, leave);
  }
  for (const auto& [key, value] : found.window) {
    fmt::print("  host-wide, in the measured window alone: {} = {}{}\n", key, value, leave);
  }
  for (const auto& [what, value] : found.sides) {
    fmt::print("  in the lab alone: {} = {}\n", what, value);
  }
  if (found.host.empty() && found.window.empty() && found.sides.empty()) fmt::print("  none\n");
  for (const auto& ports : found.ports) {
    fmt::print("Ports of this machine taken, and put back after each repetition: {}\n", ports);
  }
}

void print_lab(const Survey& found) {
  const bool bridge = *found.clients.rbegin() > 1;
  fmt::print("Client namespaces: {}{}\n", fmt::join(found.clients, ", "),
             bridge ? "; several meet the server on a bridge" : "");
  std::size_t shown = 0;
  for (const auto& link : found.links) {
    if (++shown > kCellsShown) break;
    fmt::print("Link: {}\n", link);
  }
  if (found.links.size() > kCellsShown) {
    fmt::print("… and {} other links\n", found.links.size() - kCellsShown);
  }
}

void print_infeasible(const Survey& found, std::size_t cells) {
  for (const auto& [why, which] : found.infeasible) {
    fmt::print("Cannot be run here, {} of {} ({}{}): {}\n", which.count, counted(cells, "cell"),
               which.first, which.count > 1 ? ", …" : "", why);
  }
}

// Each with its number in the whole sweep, by which --cell takes it too.
void print_cells(const Campaign& campaign, const Plan& plan, bool all) {
  const auto& chosen = campaign.selection;
  const auto of = chosen ? fmt::format(" of {}", chosen->of) : std::string();
  fmt::print("Cells: {}{}, {} in all (seed {})\n", campaign.cells.size(), of,
             counted(plan.order.size(), "repetition"), plan.seed);
  const auto shown = all ? campaign.cells.size() : std::min(campaign.cells.size(), kCellsShown);
  for (std::size_t i = 0; i < shown; ++i) {
    const Cell cell = campaign.cells[i];
    const auto& timing = cell.scenario.timing;
    const auto until = timing.until
                           ? fmt::format(" to {}, until the median of {}{}{} is within ±{:g} %",
                                         timing.until->at_most, timing.until->flow,
                                         timing.until->flow.empty() ? "" : "'s ",
                                         timing.until->metric, 100 * timing.until->within)
                           : std::string();
    fmt::print("  {}  {}  × {}{}\n", chosen ? chosen->indices[i] : i, cell.id, timing.repetitions,
               until);
  }
  if (campaign.cells.size() > shown) {
    fmt::print("  … and {} more: -v lists them\n", campaign.cells.size() - shown);
  }
}

void print_workers(const Campaign& campaign, const Plan& plan) {
  const auto& assignment = *plan.assignments.front();
  const Cell first = campaign.cells[0];
  fmt::print("Workers of the first cell:\n");
  for (const auto& [what, cpus] : facts_of(assignment.placement)) {
    fmt::print("  {}: {}\n", what, cpus);
  }
  for (const auto& worker : assignment.workers) {
    const bool one_of_many = worker.side == Side::client && first.scenario.lab.clients > 1;
    fmt::print("  {} {}{}: {} threads, {} descriptors{};", name_of(worker.side), worker.index,
               one_of_many ? fmt::format(" in client namespace {}", worker.client) : "",
               worker.threads, worker.descriptors, worker.ring ? ", a ring (io_uring)" : "");
    for (const auto& share : worker.shares) {
      fmt::print(" {} × {} on port {};", share.connections, first.scenario.flows[share.flow].name,
                 share.port);
    }
    fmt::print("\n");
  }
}

std::string ladder_of(ProbeId id) {
  std::string text;
  for (const auto& rung : info_of(id).ladder) {
    text += fmt::format("{}{}", text.empty() ? "" : " → ", name_of(rung.backend));
  }
  return text;
}

void print_probes(const ProbeMemory& memory, ProbeMode mode) {
  if (mode == ProbeMode::off || memory.empty()) return;
  fmt::print("Probes, the memory of their maps, and by what:\n");
  for (const auto& [id, bytes] : memory) {
    fmt::print("  {:<16} {:>9}  {}\n", name_of(id),
               bytes == 0 ? "-" : human_bytes(static_cast<double>(bytes)), ladder_of(id));
  }
  if (mode == ProbeMode::require) {
    fmt::print("  required: a run fails where one does not load (netstall doctor tells)\n");
  }
}

ExitStatus plan_scenario(const ScenarioCommandOptions& options, ProbeMode probes) {
  const auto campaign = load_campaign(options);
  if (options.allow_host_sysctl) require_host_sysctl_allowed(campaign, options);
  require_sound_expectations(campaign);
  const auto plan = make_plan(campaign, read_limits(), options.seed);
  const auto& budget = plan.budget;
  fmt::print("{}: {}\n\n", campaign.base.name, campaign.base.why);
  fmt::print("Sysctls written:\n");
  const auto found = survey(campaign, plan);
  print_writes(found, options.allow_host_sysctl);
  print_lab(found);
  print_infeasible(found, campaign.cells.size());
  print_cells(campaign, plan, options.verbose);
  if (options.verbose) {
    for (const auto& [cell, index] : plan.order) {
      fmt::print("    {} #{}\n", campaign.cells[cell].id, index);
    }
  }
  print_workers(campaign, plan);
  fmt::print(
      "Largest cell: {} connections, {} processes, {} threads, {} ports, at most {} descriptors a "
      "process\n",
      budget.connections, budget.processes, budget.threads, budget.ports,
      budget.descriptors_per_worker);
  const auto& memory = found.probe_memory;
  fmt::print("  memory: {} in the kernel for idle sockets, {} in the workers, {} for probes\n",
             human_bytes(static_cast<double>(budget.kernel_memory_bytes)),
             human_bytes(static_cast<double>(budget.user_memory_bytes)),
             probes == ProbeMode::off ? "none" : human_bytes(static_cast<double>(sum_of(memory))));
  print_probes(memory, probes);
  fmt::print("Time: about {}\n", human_duration(static_cast<double>(budget.duration.count())));
  return found.cannot_run == campaign.cells.size() ? ExitStatus::incapable : ExitStatus::ok;
}

}  // namespace

void add_plan_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ScenarioCommandOptions>();
  auto* command =
      app.add_subcommand("plan", "Show cells, writes and budget of a scenario; changes nothing");
  add_scenario_options(*command, *options);
  add_cell_option(*command, *options);
  const auto probes = std::make_shared<ProbeOptions>();
  add_probe_option(*command, *probes);
  command->callback([options, probes, &action] {
    action = [options, probes] { return plan_scenario(*options, probes->mode); };
  });
}

}  // namespace netstall
