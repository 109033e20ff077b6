// netstall scenarios: what is shipped, with the question that each answers.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "base/units.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/observe/limits.hpp"
#include "bench/report/markup.hpp"
#include "model/plan.hpp"

namespace netstall {
namespace {

constexpr std::size_t kTextWidth = 78;

struct ScenariosOptions {
  std::string name;
};

// "3 cells, 6 repetitions, about 24.2 s", or why this machine cannot run it.
std::string size_of(const Campaign& campaign) {
  try {
    const auto plan = make_plan(campaign, read_limits(), 1);
    return fmt::format("{}, {}, about {}", counted(campaign.cells.size(), "cell"),
                       counted(plan.order.size(), "repetition"),
                       human_duration(static_cast<double>(plan.budget.duration.count())));
  } catch (const Error& error) {
    return fmt::format("not on this machine: {}", error.what());
  }
}

ExitStatus list(const Shipped& shipped) {
  const auto names = shipped.scenarios_and_claims();
  if (names.empty()) {
    throw Error(ErrorKind::failed, "list scenarios",
                fmt::format("there is none in {}", shipped.scenario_folder().string()),
                "install netstall whole, or give `netstall run` the path of a scenario file");
  }
  const bool color = wants_color(STDOUT_FILENO);
  for (const auto& name : names) {
    ScenarioCommandOptions options;
    options.scenario = shipped.scenario_file(name).string();
    const auto shown = color ? fmt::format("\x1b[1m{}\x1b[0m", name) : name;
    try {
      const auto campaign = load_campaign(options);
      const auto text = fmt::format("{} ({})", campaign.base.why, size_of(campaign));
      fmt::print("{}\n  {}", shown, wrapped(text, 2, kTextWidth));
    } catch (const Error& error) {
      fmt::print("{}\n  cannot be read: {}\n", shown, error.what());
    }
  }
  return ExitStatus::ok;
}

ExitStatus scenarios(const ScenariosOptions& options) {
  const auto shipped = Shipped::beside_program();
  if (options.name.empty()) return list(shipped);
  const auto text = read_file(find_scenario(options.name, shipped));
  if (const int error = write_all(STDOUT_FILENO, text)) {
    throw_errno("write to the standard output", error);
  }
  return ExitStatus::ok;
}

}  // namespace

void add_scenarios_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ScenariosOptions>();
  auto* command = app.add_subcommand("scenarios", "List what is shipped, or show one of them");
  command
      ->add_option("name", options->name,
                   "Show the text of this one, as a start for a scenario of your own")
      ->type_name(kScenarioValue);
  command->callback([options, &action] { action = [options] { return scenarios(*options); }; });
}

}  // namespace netstall
