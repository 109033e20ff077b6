// What a page reads of a scenario's JSON.
#include <nlohmann/json.hpp>

#include "bench/report/page_parts.hpp"

namespace netstall {
namespace {

std::string text_at(const nlohmann::json& object, const char* key) {
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

}  // namespace

ScenarioFacts scenario_facts(std::string_view scenario_json) {
  ScenarioFacts facts;
  const auto scenario = nlohmann::json::parse(scenario_json, nullptr, false);
  if (!scenario.is_object()) return facts;
  facts.name = text_at(scenario, "name");
  facts.why = text_at(scenario, "why");
  const auto flows = scenario.find("flows");
  if (flows == scenario.end() || !flows->is_array()) return facts;
  bool first = true;
  for (const auto& flow : *flows) {
    if (!flow.is_object()) continue;
    const auto sender = named<Side>(text_at(flow, "sender")).value_or(Side::client);
    if (!first && facts.sender != sender) facts.sender.reset();
    if (first) facts.sender = sender;
    first = false;
    if (text_at(flow, "pattern") == name_of(Pattern::duplex)) facts.sender.reset();
  }
  return facts;
}

}  // namespace netstall
