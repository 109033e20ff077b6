// Shell completion, written from the facts of the command line.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/cli/command_facts.hpp"
#include "model/names.hpp"

namespace netstall {

enum class Shell : std::uint8_t { bash, zsh, fish };
template <>
struct Names<Shell> {
  static constexpr std::array<std::string_view, 3> list{"bash", "zsh", "fish"};
};

// Names that completion offers beside files.
struct KnownWords {
  std::vector<std::string> scenarios = {};
  std::vector<std::string> profiles = {};
  std::vector<std::string> metrics = {};
};

// Those that this program ships and has in its catalogue.
KnownWords known_words();

// A script that makes the shell complete these programs. Where and how it is loaded
// stands at its top.
std::string completion_script(Shell shell, const std::vector<CommandFacts>& programs,
                              const KnownWords& words);

}  // namespace netstall
