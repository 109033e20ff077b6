#include "bench/cli/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "bench/cli/version.hpp"

namespace netstall {
namespace {

std::string exit_status_footer() {
  std::string text = "Exit status:\n";
  for (const auto& [status, meaning] : kExitStatuses) {
    text += fmt::format("  {:<4} {}\n", static_cast<int>(status), meaning);
  }
  text.pop_back();
  return text;
}

}  // namespace

void define_command_line(CLI::App& app, Action& action) {
  app.name("netstall");
  app.description(
      "Finds out how long, how often and why a Linux TCP sender is blocked, and which sysctl or\n"
      "socket option changes that.");
  app.set_version_flag("--version", version_text());
  app.require_subcommand(1);
  app.footer(exit_status_footer());
  add_run_command(app, action);
  add_plan_command(app, action);
  add_ab_command(app, action);
  add_calibrate_command(app, action);
  add_compare_command(app, action);
  add_report_command(app, action);
  add_trace_command(app, action);
  add_scenarios_command(app, action);
  add_doctor_command(app, action);
  add_export_command(app, action);
  add_profile_command(app, action);
  add_restore_command(app, action);
  add_completion_command(app, action);
}

}  // namespace netstall
