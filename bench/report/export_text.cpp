#include "bench/report/export_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/printable.hpp"

namespace netstall {

std::string json_string(std::string_view text) {
  return nlohmann::json(printable(text)).dump();
}

std::string number_text(double value) {
  return fmt::format("{}", value);
}

std::string json_object(const std::map<std::string, std::string>& values) {
  std::string text = "{";
  for (const auto& [key, value] : values) {
    text +=
        fmt::format("{}{}:{}", text.size() > 1 ? "," : "", json_string(key), json_string(value));
  }
  return text + "}";
}

std::string scenario_name(std::string_view scenario_json) {
  // The reader of the report has parsed it before: what fails here is no object.
  const auto scenario = nlohmann::json::parse(scenario_json, nullptr, false);
  if (!scenario.is_object()) return "scenario";
  const auto name = scenario.find("name");
  if (name == scenario.end() || !name->is_string()) return "scenario";
  return name->get<std::string>();
}

std::string_view better_text(const Metric& metric) {
  return metric.direction == Direction::lower_is_better ? "lower" : "higher";
}

std::string series_name(const ExportHead& head, const ExportCell& cell, const std::string& flow) {
  auto name = fmt::format("{}/{}", head.scenario, cell.result.id);
  if (!flow.empty()) name += "/" + flow;
  return name;
}

std::vector<const Repetition*> good_repetitions(const CellResult& cell) {
  std::vector<const Repetition*> good;
  for (const auto& repetition : cell.repetitions) {
    if (repetition.status == Status::ok) good.push_back(&repetition);
  }
  return good;
}

}  // namespace netstall
