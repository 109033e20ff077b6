// netstall completion: a script that teaches a shell to complete the command line.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/completion.hpp"

namespace netstall {
namespace {

ExitStatus print_completion(const std::string& name) {
  const auto shell = named<Shell>(name);
  if (!shell) {
    throw Error(ErrorKind::usage, fmt::format("completion for \"{}\"", name),
                "this shell is not known",
                fmt::format("there are {}", fmt::join(Names<Shell>::list, ", ")));
  }
  const auto script = completion_script(*shell, facts_of_programs(), known_words());
  if (const int error = write_all(STDOUT_FILENO, script)) {
    throw_errno("write to the standard output", error);
  }
  return ExitStatus::ok;
}

}  // namespace

void add_completion_command(CLI::App& app, Action& action) {
  const auto shell = std::make_shared<std::string>();
  auto* command = app.add_subcommand("completion", "Write shell completion for this command line");
  command->add_option("shell", *shell, "Which shell it is for")
      ->required()
      ->type_name(fmt::format("{}", fmt::join(Names<Shell>::list, "|")));
  command->footer("Try it with: source <(netstall completion bash)");
  command->callback([shell, &action] { action = [shell] { return print_completion(*shell); }; });
}

}  // namespace netstall
