// netstall plan: what a run would do, write and need. Changes nothing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <set>

#include "base/units.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/observe/limits.hpp"
#include "bench/run/probes.hpp"

namespace netstall {
namespace {

constexpr std::size_t kCellsShown = 20;

void print_writes(const Campaign& campaign, bool allowed) {
  std::map<std::string, std::string> host;
  std::map<std::string, std::string> sides;
  for (const Cell cell : campaign.cells) {
    for (const auto& [key, value] : cell.scenario.sysctl.host) host[key] = value;
    for (const auto side : {Side::client, Side::server}) {
      for (const auto& [key, value] : cell.scenario.sysctl.side[side]) {
        sides[fmt::format("{} in {}", key, name_of(side))] = value;
      }
    }
  }
  for (const auto& [key, value] : host) {
    fmt::print("  host-wide, put back after each repetition: {} = {}{}\n", key, value,
               allowed ? "" : "  (needs --allow-host-sysctl)");
  }
  for (const auto& [what, value] : sides) fmt::print("  in the lab alone: {} = {}\n", what, value);
  if (host.empty() && sides.empty()) fmt::print("  none\n");
}

void print_cells(const Campaign& campaign, const Plan& plan) {
  fmt::print("Cells: {}, {} repetitions in all (seed {})\n", campaign.cells.size(),
             plan.order.size(), plan.seed);
  for (std::size_t i = 0; i < campaign.cells.size() && i < kCellsShown; ++i) {
    const Cell cell = campaign.cells[i];
    fmt::print("  {}  × {}\n", cell.id, cell.scenario.timing.repetitions);
  }
  if (campaign.cells.size() > kCellsShown) {
    fmt::print("  … and {} more\n", campaign.cells.size() - kCellsShown);
  }
}

void print_workers(const Campaign& campaign, const Plan& plan) {
  const auto& assignment = *plan.assignments.front();
  const Cell first = campaign.cells[0];
  fmt::print("Workers of the first cell:\n");
  for (const auto& worker : assignment.workers) {
    fmt::print("  {} {}: {} threads, {} descriptors;", name_of(worker.side), worker.index,
               worker.threads, worker.descriptors);
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

// Of the cell whose probes take most: the kernel takes it when they are loaded.
void print_probes(const Campaign& campaign, const Plan& plan) {
  std::vector<std::pair<ProbeId, std::uint64_t>> most;
  std::uint64_t most_bytes = 0;
  std::set<std::size_t> seen;
  for (std::size_t i = 0; i < campaign.cells.size(); ++i) {
    // Cells of one shape differ in nothing that sizes a map, but for a sweep over probes.
    if (!seen.insert(campaign.cells.shape(i)).second && i >= kCellsShown) continue;
    const Cell cell = campaign.cells[i];
    auto memory = probe_memory(cell.scenario, *plan.assignments[i]);
    std::uint64_t bytes = 0;
    for (const auto& [id, one] : memory) bytes += one;
    if (i > 0 && bytes <= most_bytes) continue;
    most_bytes = bytes;
    most = std::move(memory);
  }
  fmt::print("Probes, and the memory of their maps: {} in all\n",
             human_bytes(static_cast<double>(most_bytes)));
  for (const auto& [id, bytes] : most) {
    fmt::print("  {:<16} {:>9}  {}\n", name_of(id),
               bytes == 0 ? "-" : human_bytes(static_cast<double>(bytes)), ladder_of(id));
  }
}

ExitStatus plan_scenario(const ScenarioCommandOptions& options) {
  const auto campaign = load_campaign(options);
  const auto plan = make_plan(campaign, read_limits(), options.seed);
  const auto& budget = plan.budget;
  fmt::print("{}: {}\n\n", campaign.base.name, campaign.base.why);
  fmt::print("Sysctls written:\n");
  print_writes(campaign, options.allow_host_sysctl);
  print_cells(campaign, plan);
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
  fmt::print("  memory: {} in the kernel for idle sockets, {} in the workers\n",
             human_bytes(static_cast<double>(budget.kernel_memory_bytes)),
             human_bytes(static_cast<double>(budget.user_memory_bytes)));
  print_probes(campaign, plan);
  fmt::print("Time: about {}\n", human_duration(static_cast<double>(budget.duration.count())));
  return ExitStatus::ok;
}

}  // namespace

void add_plan_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ScenarioCommandOptions>();
  auto* command =
      app.add_subcommand("plan", "Show cells, writes and budget of a scenario; changes nothing");
  add_scenario_options(*command, *options);
  command->callback([options, &action] { action = [options] { return plan_scenario(*options); }; });
}

}  // namespace netstall
