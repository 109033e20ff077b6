#include "bench/cli/manual.hpp"

#include <fmt/format.h>

#include <string_view>

#include "bench/cli/completion_parts.hpp"
#include "bench/cli/exit_status.hpp"

namespace netstall {
namespace {

// Text that stands for itself: hyphens that can be copied, no control lines.
std::string roff(std::string_view text) {
  std::string out;
  bool line_start = true;
  for (const char c : text) {
    if (line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
    line_start = c == '\n';
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + roff(text) + "\\fR";
}
std::string italic(std::string_view text) {
  return "\\fI" + roff(text) + "\\fR";
}

std::string page_name(const CommandFacts& program, const CommandFacts* command) {
  return command == nullptr ? program.name : fmt::format("{}-{}", program.name, command->name);
}

std::string as_argument(const OptionFacts& argument) {
  const auto shown = italic(argument.names.front()) + (argument.repeatable ? " ..." : "");
  return argument.required ? shown : fmt::format("[{}]", shown);
}

std::string head(std::string_view name, std::string_view what, std::string_view version) {
  std::string upper;
  for (const char c : name) upper += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  auto first = std::string(what);
  if (!first.empty() && first[0] >= 'A' && first[0] <= 'Z' &&
      !(first.size() > 1 && first[1] >= 'A' && first[1] <= 'Z')) {
    first[0] = static_cast<char>(first[0] - 'A' + 'a');
  }
  return fmt::format(".TH {} 1 \"\" \"netstall {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n",
                     roff(upper), version, roff(name), roff(first));
}

std::string synopsis(const CommandFacts& program, const CommandFacts* command) {
  const auto& shown = command == nullptr ? program : *command;
  auto text = ".SH SYNOPSIS\n" + bold(program.name);
  if (command != nullptr) text += " " + bold(command->name);
  text += " [" + italic("OPTION") + " ...]";
  for (const auto& argument : shown.arguments) text += " " + as_argument(argument);
  if (!shown.commands.empty()) text += " " + italic("COMMAND") + " ...";
  return text + "\n";
}

std::string entry(std::string_view tag, const OptionFacts& option) {
  auto text = fmt::format(".TP\n{}\n{}", tag, roff(option.what));
  if (!option.standard.empty()) text += fmt::format(" (default: {})", roff(option.standard));
  if (option.required) text += " (required)";
  return text + ".\n";
}

std::string options_section(const CommandFacts& command) {
  std::string text;
  if (!command.arguments.empty()) text += ".SH ARGUMENTS\n";
  for (const auto& argument : command.arguments) {
    text += entry(italic(argument.names.front()), argument);
  }
  text += ".SH OPTIONS\n";
  for (const auto& option : command.options) {
    std::string tag;
    for (const auto& name : option.names) tag += (tag.empty() ? "" : ", ") + bold(name);
    if (!option.value.empty()) tag += " " + italic(option.value);
    text += entry(tag, option);
  }
  return text;
}

std::string commands_section(const CommandFacts& program) {
  if (program.commands.empty()) return {};
  std::string text = ".SH COMMANDS\n";
  for (const auto& command : program.commands) {
    text +=
        fmt::format(".TP\n{}(1)\n{}.\n", bold(page_name(program, &command)), roff(command.what));
  }
  return text;
}

std::string exit_status_section() {
  std::string text = ".SH EXIT STATUS\n";
  for (const auto& [status, meaning] : kExitStatuses) {
    text += fmt::format(".TP\n{}\n{}.\n", bold(std::to_string(static_cast<int>(status))),
                        roff(meaning));
  }
  return text;
}

// Lines as they are: --help has its own layout there.
std::string footer_section(const CommandFacts& command) {
  if (command.footer.empty()) return {};
  return ".SH NOTES\n.nf\n" + roff(command.footer) + (command.footer.ends_with('\n') ? "" : "\n") +
         ".fi\n";
}

std::string see_also(const CommandFacts& program, const CommandFacts* command,
                     const std::vector<CommandFacts>& programs) {
  std::string text;
  const auto add = [&text](const std::string& name) {
    text += fmt::format("{}{}(1)", text.empty() ? "" : ",\n", bold(name));
  };
  for (const auto& other : programs) {
    if (command != nullptr || other.name != program.name) add(other.name);
  }
  for (const auto& other : program.commands) {
    if (command == nullptr || other.name != command->name) add(page_name(program, &other));
  }
  return ".SH SEE ALSO\n" + text + "\n";
}

ManualPage page(const CommandFacts& program, const CommandFacts* command,
                const std::vector<CommandFacts>& programs, const std::string& version) {
  const auto& shown = command == nullptr ? program : *command;
  const auto name = page_name(program, command);
  auto text = head(name, short_description(shown.what), version) + synopsis(program, command) +
              ".SH DESCRIPTION\n" + roff(shown.what) + (shown.what.ends_with('.') ? "\n" : ".\n") +
              commands_section(shown) + options_section(shown);
  // What --help says of exit statuses, for all commands alike, has a section here.
  const bool own_footer =
      command == nullptr ? shown.commands.empty() : shown.footer != program.footer;
  if (own_footer) text += footer_section(shown);
  text += exit_status_section() + see_also(program, command, programs);
  return {name + ".1", std::move(text)};
}

}  // namespace

std::vector<ManualPage> manual_pages(const std::vector<CommandFacts>& programs,
                                     const std::string& version) {
  std::vector<ManualPage> pages;
  for (const auto& program : programs) {
    pages.push_back(page(program, nullptr, programs, version));
    for (const auto& command : program.commands) {
      pages.push_back(page(program, &command, programs, version));
    }
  }
  return pages;
}

}  // namespace netstall
