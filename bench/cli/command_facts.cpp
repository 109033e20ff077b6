#include "bench/cli/command_facts.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>

#include "bench/cli/bench_options.hpp"
#include "bench/cli/command_line.hpp"
#include "bench/cli/value_names.hpp"

namespace netstall {
namespace {

OptionFacts facts_of(const CLI::Option& option) {
  OptionFacts facts;
  if (option.get_positional()) {
    facts.names = {option.get_name(true)};
  } else {
    for (const auto& name : option.get_snames()) facts.names.push_back("-" + name);
    for (const auto& name : option.get_lnames()) facts.names.push_back("--" + name);
  }
  const bool flag = option.get_items_expected_max() == 0;
  if (!flag) facts.value = option.get_type_name();
  facts.what = option.get_description();
  facts.standard = option.get_default_str();
  facts.required = option.get_required();
  facts.repeatable =
      option.get_items_expected_max() > 1 || facts.what.find("repeatable") != std::string::npos;
  return facts;
}

// "auto|off|require": words joined by bars.
bool is_list_of_choices(std::string_view text) {
  return text.find('|') != std::string_view::npos &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-|") == std::string_view::npos;
}

}  // namespace

ValueKind kind_of_value(const OptionFacts& option) {
  const std::string_view value = option.value;
  if (value.empty()) return ValueKind::nothing;
  if (is_list_of_choices(value) || is_list_of_choices(option.what)) return ValueKind::choice;
  if (value == kScenarioValue) return ValueKind::scenario;
  if (value == kProfileValue || value == kSettingValue) return ValueKind::profile;
  if (value == kMetricValue) return ValueKind::metric;
  if (value == kFolderValue) return ValueKind::folder;
  const bool file = value == "FILE" || value.ends_with(".json") || value.ends_with(".html");
  return file ? ValueKind::file : ValueKind::nothing;
}

std::vector<std::string> choices_of(const OptionFacts& option) {
  std::string_view rest = is_list_of_choices(option.value) ? option.value : option.what;
  std::vector<std::string> choices;
  while (true) {
    const auto bar = rest.find('|');
    choices.emplace_back(rest.substr(0, bar));
    if (bar == std::string_view::npos) return choices;
    rest.remove_prefix(bar + 1);
  }
}

CommandFacts facts_of(const CLI::App& app) {
  CommandFacts facts{app.get_name(), app.get_description(), app.get_footer()};
  for (const auto* option : app.get_options()) {
    (option->get_positional() ? facts.arguments : facts.options).push_back(facts_of(*option));
  }
  for (const auto* command : app.get_subcommands({})) {
    facts.commands.push_back(facts_of(*command));
  }
  return facts;
}

std::vector<CommandFacts> facts_of_programs() {
  CLI::App netstall;
  Action action;
  define_command_line(netstall, action);
  CLI::App bench;
  std::vector<std::string> scenarios;
  BenchOptions options;
  define_bench_options(bench, scenarios, options);
  return {facts_of(netstall), facts_of(bench)};
}

}  // namespace netstall
