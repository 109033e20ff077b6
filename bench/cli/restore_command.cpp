// netstall restore: undoes what a killed run left, where its guardian died too. Of an
// ordinary user its own runs; root's are root's to undo.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "bench/cli/commands.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/state_root.hpp"

namespace netstall {
namespace {

ExitStatus restore() {
  const auto root = state_root();
  require_own_state_root(root);
  const auto done = restore_leftovers(root);
  for (const auto& line : done.sentences) fmt::print("{}\n", line);
  if (done.sentences.empty()) {
    fmt::print("Nothing is left of any run{}.\n", ::geteuid() == 0 ? "" : " of this user");
  }
  return done.all_undone ? ExitStatus::ok : ExitStatus::failed;
}

}  // namespace

void add_restore_command(CLI::App& app, Action& action) {
  auto* command = app.add_subcommand("restore", "Undo what a killed run left");
  command->callback([&action] { action = restore; });
}

}  // namespace netstall
