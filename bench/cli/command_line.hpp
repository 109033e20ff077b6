// The whole command line of netstall: what main parses, and what completion and manual
// pages are made from.
#pragma once

#include "bench/cli/commands.hpp"

namespace netstall {

// Adds every subcommand with its options; `action` becomes what the chosen one does.
void define_command_line(CLI::App& app, Action& action);

}  // namespace netstall
