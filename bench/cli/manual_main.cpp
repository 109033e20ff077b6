// Writes the manual pages and completion scripts that are installed: run once while
// netstall is built.
//   netstall_manual FOLDER
#include <fmt/format.h>

#include <filesystem>

#include "base/file.hpp"
#include "bench/cli/completion.hpp"
#include "bench/cli/exit_status.hpp"
#include "bench/cli/manual.hpp"

namespace netstall {
namespace {

ExitStatus write_all_into(const std::filesystem::path& folder) {
  const auto programs = facts_of_programs();
  std::filesystem::create_directories(folder);
  for (const auto& page : manual_pages(programs, NETSTALL_VERSION)) {
    replace_file(folder / page.file, page.text);
  }
  const auto words = known_words();
  for (const auto shell : {Shell::bash, Shell::zsh, Shell::fish}) {
    replace_file(folder / fmt::format("completion.{}", name_of(shell)),
                 completion_script(shell, programs, words));
  }
  return ExitStatus::ok;
}

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  if (argc != 2) {
    fmt::print(stderr, "usage: netstall_manual FOLDER\n");
    return static_cast<int>(netstall::ExitStatus::usage);
  }
  return static_cast<int>(netstall::guarded([argv] { return netstall::write_all_into(argv[1]); }));
}
