// The subcommands: each file adds one to the parser, with its options, and sets
// what it does as the callback. One row here per command.
#pragma once

#include <functional>

#include "bench/cli/exit_status.hpp"

namespace CLI {
class App;
}

namespace netstall {

// What the chosen subcommand does once everything is parsed.
using Action = std::function<ExitStatus()>;

void add_run_command(CLI::App& app, Action& action);
void add_plan_command(CLI::App& app, Action& action);
void add_ab_command(CLI::App& app, Action& action);
void add_calibrate_command(CLI::App& app, Action& action);
void add_compare_command(CLI::App& app, Action& action);
void add_report_command(CLI::App& app, Action& action);
void add_doctor_command(CLI::App& app, Action& action);
void add_export_command(CLI::App& app, Action& action);
void add_profile_command(CLI::App& app, Action& action);
void add_restore_command(CLI::App& app, Action& action);
void add_scenarios_command(CLI::App& app, Action& action);
void add_completion_command(CLI::App& app, Action& action);
void add_trace_command(CLI::App& app, Action& action);

}  // namespace netstall
