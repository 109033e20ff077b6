// Manual pages (man(7) markup), written from the facts of the command line.
#pragma once

#include <string>
#include <vector>

#include "bench/cli/command_facts.hpp"

namespace netstall {

struct ManualPage {
  std::string file;  // "netstall-run.1"
  std::string text;
};

// One page for each program, and one for each of its subcommands.
std::vector<ManualPage> manual_pages(const std::vector<CommandFacts>& programs,
                                     const std::string& version);

}  // namespace netstall
