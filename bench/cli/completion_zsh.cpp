// zsh: _arguments does the work; options and arguments become its specifications.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/shell_word.hpp"
#include "bench/cli/completion_parts.hpp"

namespace netstall {
namespace {

constexpr std::string_view kHead =
    R"zsh(#compdef {}
# zsh completion, written by `netstall completion zsh`. To have it in every shell:
#   netstall completion zsh > /usr/local/share/zsh/site-functions/_netstall

_netstall_names_or_files() {{
  _alternative "names:name:($*)" 'files:file:_files'
}}
)zsh";

// {0} function, {1} commands as "name:description", {2} options before a command,
// {3} cases of commands.
constexpr std::string_view kWithCommands = R"zsh(
{0}() {{
  local state line curcontext=$curcontext
  local -a commands=(
{1}  )
  _arguments -C \
{2}    '1:command:->command' \
    '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      curcontext=${{curcontext%:*}}-$words[1]:
      case $words[1] in
{3}      esac ;;
  esac
}}
)zsh";

// What means something to _arguments within a specification.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// ":FILE:_files": what is asked for, and how it is completed.
std::string value_part(const OptionFacts& option, const KnownWords& words) {
  const auto offer = offer_for(option, words);
  std::string action;
  if (offer.folders) {
    action = "_files -/";
  } else if (offer.files && !offer.words.empty()) {
    action = fmt::format(" _netstall_names_or_files {}", fmt::join(offer.words, " "));
  } else if (offer.files) {
    action = "_files";
  } else if (!offer.words.empty()) {
    action = fmt::format("({})", fmt::join(offer.words, " "));
  } else {
    action = " ";
  }
  const auto& what = option.value.empty() ? option.names.front() : option.value;
  return fmt::format(":{}:{}", escaped(what), action);
}

std::string specifications(const CommandFacts& command, const KnownWords& words,
                           std::string_view indent) {
  std::string text;
  for (const auto& option : command.options) {
    const auto value = option.value.empty() ? std::string() : value_part(option, words);
    const auto rest = fmt::format("[{}]{}", escaped(short_description(option.what)), value);
    for (const auto& name : option.names) {
      // Given once, all its names are done; a long one takes its value after "=" too.
      const auto others =
          option.repeatable ? std::string("*") : fmt::format("({})", fmt::join(option.names, " "));
      const bool equals = !option.value.empty() && name.starts_with("--");
      text += fmt::format("{}{} \\\n", indent,
                          single_quoted(others + name + (equals ? "=" : "") + rest));
    }
  }
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    const auto& argument = command.arguments[i];
    const auto place = argument.repeatable ? std::string("*") : fmt::format("{}", i + 1);
    text += fmt::format("{}{} \\\n", indent, single_quoted(place + value_part(argument, words)));
  }
  return text;
}

// As a whole call; the last line has no backslash.
std::string call(const CommandFacts& command, const KnownWords& words, std::string_view indent) {
  const auto inner = std::string(indent) + "  ";
  auto text = fmt::format("{}_arguments \\\n{}", indent, specifications(command, words, inner));
  text.resize(text.size() - 3);
  return text;
}

std::string function_for(const CommandFacts& program, const KnownWords& words) {
  if (program.commands.empty()) {
    return fmt::format("\n{}() {{\n{}\n}}\n", function_name(program.name),
                       call(program, words, "  "));
  }
  std::string commands;
  std::string cases;
  for (const auto& command : program.commands) {
    const auto what = short_description(command.what);
    commands += fmt::format("    {}\n", single_quoted(command.name + ":" + escaped(what)));
    cases += fmt::format("        {})\n{} ;;\n", command.name, call(command, words, "          "));
  }
  return fmt::format(kWithCommands, function_name(program.name), commands,
                     specifications(program, words, "    "), cases);
}

}  // namespace

std::string zsh_completion(const std::vector<CommandFacts>& programs, const KnownWords& words) {
  std::vector<std::string> names;
  for (const auto& program : programs) names.push_back(program.name);
  auto text = fmt::format(kHead, fmt::join(names, " "));
  for (const auto& program : programs) text += function_for(program, words);
  text += "\ncase $service in\n";
  for (const auto& name : names) {
    text += fmt::format("  {}) {} \"$@\" ;;\n", name, function_name(name));
  }
  return text + "esac\n";
}

}  // namespace netstall
