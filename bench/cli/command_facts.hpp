// The command line as plain data: what shell completion and manual pages are made
// from, so that neither can say anything that the parser does not.
#pragma once

#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace netstall {

struct OptionFacts {
  std::vector<std::string> names;  // "-o", "--output"; a positional argument's own name
  std::string value = {};          // what it takes: "FILE"; empty for a flag
  std::string what = {};           // what it does
  std::string standard = {};       // the value that it has when not given
  bool required = false;
  bool repeatable = false;
};

// What completion offers for a value.
enum class ValueKind { nothing, choice, file, folder, scenario, profile, metric };
ValueKind kind_of_value(const OptionFacts& option);
// Of ValueKind::choice.
std::vector<std::string> choices_of(const OptionFacts& option);

struct CommandFacts {
  std::string name;
  std::string what = {};
  std::string footer = {};
  std::vector<OptionFacts> options = {};
  std::vector<OptionFacts> arguments = {};  // positional
  std::vector<CommandFacts> commands = {};  // subcommands
};

// In the order in which --help lists them.
CommandFacts facts_of(const CLI::App& app);

// `netstall` and `netstall-bench`, whole.
std::vector<CommandFacts> facts_of_programs();

}  // namespace netstall
