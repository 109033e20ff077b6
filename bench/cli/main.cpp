// netstall: one program under three names. As "netstall-worker" it carries
// traffic, as "netstall-guardian" it watches over what a run changed; else it is
// the command line.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "bench/cli/command_line.hpp"
#include "bench/lab/guardian.hpp"
#include "loadgen/worker.hpp"

namespace netstall {
namespace {

// CLI11 would say only that a command is missing.
void require_known_command(const CLI::App& app, std::string_view word) {
  if (word.empty() || word.front() == '-') return;
  std::vector<std::string> names;
  for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
  if (std::find(names.begin(), names.end(), word) != names.end()) return;
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto close = nearest_word(word, known);
  throw Error(ErrorKind::usage, fmt::format("there is no command \"{}\"", word),
              close.empty() ? fmt::format("there are {}", fmt::join(names, ", "))
                            : fmt::format("did you mean \"{}\"?", close),
              "netstall --help lists them, netstall COMMAND --help tells of one");
}

ExitStatus run_command_line(int argc, char** argv) {
  CLI::App app;
  Action action;
  define_command_line(app, action);
  require_known_command(app, argc > 1 ? argv[1] : "");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitStatus::ok : ExitStatus::usage;
  }
  return action();
}

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name == netstall::kWorkerName) return netstall::worker_main();
  if (name == netstall::kGuardianName) return netstall::guardian_main();
  return static_cast<int>(
      netstall::guarded([&] { return netstall::run_command_line(argc, argv); }));
}
