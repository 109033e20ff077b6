// fish: a list of `complete` commands, each with the subcommand that it belongs to.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "bench/cli/completion_parts.hpp"

namespace netstall {
namespace {

constexpr std::string_view kHead =
    R"fish(# fish completion, written by `netstall completion fish`. To have it in every shell:
#   netstall completion fish > ~/.config/fish/completions/netstall.fish
)fish";

// fish's single quotes know two escapes.
std::string fish_quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string offer_part(const Offer& offer) {
  std::string text;
  if (!offer.words.empty()) {
    text += fmt::format(" -a {}", fish_quoted(fmt::format("{}", fmt::join(offer.words, " "))));
  }
  if (offer.folders) text += " -a '(__fish_complete_directories)'";
  text += offer.files ? " -F" : " -f";
  return text;
}

void add_command(std::string& text, std::string_view program, const CommandFacts& command,
                 const std::string& condition, const KnownWords& words) {
  const auto start = fmt::format(
      "complete -c {}{}", program,
      condition.empty() ? std::string() : fmt::format(" -n {}", fish_quoted(condition)));
  for (const auto& option : command.options) {
    text += start;
    for (const auto& name : option.names) {
      const bool is_long = name.starts_with("--");
      text += fmt::format(" {} {}", is_long ? "-l" : "-s", name.substr(is_long ? 2 : 1));
    }
    if (!option.value.empty()) text += " -r" + offer_part(offer_for(option, words));
    text += fmt::format(" -d {}\n", fish_quoted(short_description(option.what)));
  }
  for (const auto& argument : command.arguments) {
    text += start + offer_part(offer_for(argument, words)) + "\n";
  }
}

void add_program(std::string& text, const CommandFacts& program, const KnownWords& words) {
  text += fmt::format("\ncomplete -c {} -f\n", program.name);
  add_command(text, program.name, program,
              program.commands.empty() ? std::string() : std::string("__fish_use_subcommand"),
              words);
  for (const auto& command : program.commands) {
    text += fmt::format("complete -c {} -n __fish_use_subcommand -a {} -d {}\n", program.name,
                        command.name, fish_quoted(short_description(command.what)));
  }
  for (const auto& command : program.commands) {
    add_command(text, program.name, command,
                fmt::format("__fish_seen_subcommand_from {}", command.name), words);
  }
}

}  // namespace

std::string fish_completion(const std::vector<CommandFacts>& programs, const KnownWords& words) {
  std::string text(kHead);
  for (const auto& program : programs) add_program(text, program, words);
  return text;
}

}  // namespace netstall
