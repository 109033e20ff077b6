#include "bench/report/checks.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace netstall {

std::string checks_text(std::span<const Check> checks, bool color) {
  std::string text;
  for (const auto& check : checks) {
    const char* code = check.result == CheckResult::pass   ? "32"
                       : check.result == CheckResult::warn ? "33"
                                                           : "31";
    const auto word = fmt::format("{:<4}", name_of(check.result));
    text +=
        fmt::format("{} {:<14} {}\n", color ? fmt::format("\x1b[{}m{}\x1b[0m", code, word) : word,
                    check.name, check.finding);
    if (!check.mend.empty()) text += fmt::format("{:<20}→ {}\n", "", check.mend);
  }
  return text;
}

std::string checks_json(std::span<const Check> checks) {
  auto list = nlohmann::ordered_json::array();
  for (const auto& check : checks) {
    nlohmann::ordered_json entry;
    entry["name"] = check.name;
    entry["result"] = name_of(check.result);
    entry["finding"] = check.finding;
    entry["mend"] =
        check.mend.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(check.mend);
    list.push_back(std::move(entry));
  }
  return nlohmann::ordered_json{{"checks", std::move(list)}}.dump(
      2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace netstall
