// netstall restore: undoes what a killed run left, where its guardian died too.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/error.hpp"
#include "bench/cli/commands.hpp"
#include "bench/lab/guardian.hpp"

namespace netstall {
namespace {

ExitStatus restore() {
  if (::geteuid() != 0) {
    throw Error(ErrorKind::incapable, "restore", "this needs root", "run it with sudo");
  }
  const auto done = restore_leftovers(kRunRoot);
  for (const auto& line : done.sentences) fmt::print("{}\n", line);
  if (done.sentences.empty()) fmt::print("Nothing is left of any run.\n");
  return done.all_undone ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace

void add_restore_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("restore", "Undo what a killed run left (needs root)");
  command->callback([&action] { action = restore; });
}

}  // namespace netstall
