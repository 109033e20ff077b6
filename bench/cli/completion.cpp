#include "bench/cli/completion.hpp"

#include "bench/cli/completion_parts.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/verdict/metrics.hpp"

namespace netstall {

KnownWords known_words() {
  const auto shipped = Shipped::beside_program();
  KnownWords words{shipped.scenarios_and_claims(), shipped.profiles()};
  for (const auto& metric : metrics()) words.metrics.emplace_back(metric.name);
  return words;
}

std::string completion_script(Shell shell, const std::vector<CommandFacts>& programs,
                              const KnownWords& words) {
  switch (shell) {
    case Shell::bash:
      return bash_completion(programs, words);
    case Shell::zsh:
      return zsh_completion(programs, words);
    case Shell::fish:
      return fish_completion(programs, words);
  }
  return {};
}

Offer offer_for(const OptionFacts& option, const KnownWords& words) {
  switch (kind_of_value(option)) {
    case ValueKind::nothing:
      return {};
    case ValueKind::choice:
      return {choices_of(option)};
    case ValueKind::file:
      return {{}, true};
    case ValueKind::folder:
      return {{}, false, true};
    case ValueKind::scenario:
      return {words.scenarios, true};
    case ValueKind::profile:
      return {words.profiles, true};
    case ValueKind::metric:
      return {words.metrics};
  }
  return {};
}

std::string function_name(std::string_view program) {
  std::string name = "_";
  for (const char c : program) name += c == '-' ? '_' : c;
  return name;
}

std::string short_description(std::string_view text) {
  const auto end = text.find_first_of(";\n(");
  auto part = text.substr(0, end);
  while (!part.empty() && (part.back() == ' ' || part.back() == '.')) part.remove_suffix(1);
  return std::string(part);
}

}  // namespace netstall
