// bash: one function per program. It finds the subcommand, whether the word before
// the cursor is an option that takes a value, and else which argument is next.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string>
#include <vector>

#include "base/shell_word.hpp"
#include "bench/cli/completion_parts.hpp"

namespace netstall {
namespace {

constexpr std::string_view kHead =
    R"bash(# bash completion, written by `netstall completion bash`. To have it in every shell:
#   netstall completion bash > ~/.local/share/bash-completion/completions/netstall
)bash";

// {0} function, {1} known commands, {2} cases of values, {3} cases of what a command
// takes. "--option=value" is three words to bash.
constexpr std::string_view kFunction = R"bash(
{0}() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}
  local command= words= options= with_value= files= folders= word line
  local -i i at=0 first=1
  COMPREPLY=()
  if [[ $current == "=" ]]; then
    current=
  elif [[ $previous == "=" ]] && ((COMP_CWORD > 2)); then
    previous=${{COMP_WORDS[COMP_CWORD-2]}}
  fi
  for ((i = 1; i < COMP_CWORD; ++i)); do
    case " {1} " in *" ${{COMP_WORDS[i]}} "*) command=${{COMP_WORDS[i]}} first=i+1; break ;; esac
  done
  case $command in
{3}  esac
  # Arguments before the cursor, without options and their values.
  for ((i = first; i < COMP_CWORD; ++i)); do
    word=${{COMP_WORDS[i]}}
    if [[ $word == "=" ]]; then
      ((++i))
    elif [[ $with_value == *" $word "* ]]; then
      [[ ${{COMP_WORDS[i+1]}} == "=" ]] || ((++i))
    elif [[ $word != -* ]]; then
      ((++at))
    fi
  done
  if [[ $with_value == *" $previous "* ]]; then
    case "$command $previous" in
{2}    esac
  elif [[ $current == -* ]]; then
    words=$options
  else
    case "$command $at" in
{4}    esac
  fi
  while IFS= read -r line; do [[ -z $line ]] || COMPREPLY+=("$line"); done < <(compgen -W "$words" -- "$current")
  if [[ -n $files$folders ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen ${{folders:+-d}} ${{files:+-f}} -- "$current")
  fi
}}
complete -F {0} {5}
)bash";

// words='a b' files=1, or nothing.
std::string assignments(const Offer& offer) {
  std::string text;
  if (!offer.words.empty()) {
    text += fmt::format(" words={}", single_quoted(fmt::format("{}", fmt::join(offer.words, " "))));
  }
  if (offer.files) text += " files=1";
  if (offer.folders) text += " folders=1";
  return text;
}

struct Cases {
  std::string takes;      // of each command: its options
  std::string values;     // of each option of each command
  std::string arguments;  // of each command and the number of arguments before
};

void add_command(Cases& cases, const CommandFacts& command, std::string_view name,
                 const KnownWords& words) {
  std::vector<std::string> options;
  std::vector<std::string> with_value;
  for (const auto& option : command.options) {
    options.insert(options.end(), option.names.begin(), option.names.end());
    if (option.value.empty()) continue;
    with_value.insert(with_value.end(), option.names.begin(), option.names.end());
    const auto what = assignments(offer_for(option, words));
    if (what.empty()) continue;
    std::string pattern;
    for (const auto& each : option.names) {
      pattern += fmt::format("{}\"{} {}\"", pattern.empty() ? "" : "|", name, each);
    }
    cases.values += fmt::format("      {}){} ;;\n", pattern, what);
  }
  cases.takes += fmt::format("    \"{}\") options='{}' with_value=' {} ' ;;\n", name,
                             fmt::join(options, " "), fmt::join(with_value, " "));
  for (std::size_t i = 0; i < command.arguments.size(); ++i) {
    const auto& argument = command.arguments[i];
    const auto what = assignments(offer_for(argument, words));
    const auto place = argument.repeatable ? std::string("*") : fmt::format("{}", i);
    if (!what.empty()) cases.arguments += fmt::format("      \"{} \"{}){} ;;\n", name, place, what);
  }
}

std::string function_for(const CommandFacts& program, const KnownWords& words) {
  Cases cases;
  std::vector<std::string> commands;
  for (const auto& command : program.commands) commands.push_back(command.name);
  add_command(cases, program, "", words);
  if (!commands.empty()) {
    cases.arguments += fmt::format("      \" 0\") words='{}' ;;\n", fmt::join(commands, " "));
  }
  for (const auto& command : program.commands) add_command(cases, command, command.name, words);
  return fmt::format(kFunction, function_name(program.name), fmt::join(commands, " "), cases.values,
                     cases.takes, cases.arguments, program.name);
}

}  // namespace

std::string bash_completion(const std::vector<CommandFacts>& programs, const KnownWords& words) {
  std::string text(kHead);
  for (const auto& program : programs) text += function_for(program, words);
  return text;
}

}  // namespace netstall
