#include "bench/report/calibration.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "bench/report/comparison_formats.hpp"
#include "bench/report/markup.hpp"
#include "model/environment_json.hpp"
#include "model/json_document.hpp"
#include "model/json_text.hpp"

namespace netstall {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

[[noreturn]] void refuse(std::string cause) {
  throw Error(ErrorKind::usage, "read noise floors", printable(cause),
              "Use a file that `netstall calibrate -o FILE` wrote.");
}

const json& member(const json& object, const char* name, bool (json::*is)() const noexcept) {
  if (!object.is_object()) refuse("it has something else where an object should be");
  const auto found = object.find(name);
  if (found == object.end() || !((*found).*is)()) {
    refuse(fmt::format("\"{}\" is missing, or of another type", name));
  }
  return *found;
}

// A bound: finite, and not below 0.
double bound(const json& object, const char* name) {
  const auto value = member(object, name, &json::is_number).get<double>();
  if (!std::isfinite(value) || value < 0) refuse(fmt::format("\"{}\" is no floor", name));
  return value;
}

NoiseFloor floor_of(const std::string& name, const json& entry) {
  NoiseFloor floor;
  floor.metric = find_metric(name);
  if (floor.metric == nullptr) refuse(fmt::format("there is no metric \"{}\"", name));
  floor.floor = {bound(entry, "relative"), bound(entry, "absolute")};
  floor.cell = member(entry, "cell", &json::is_string).get<std::string>();
  const auto flow = entry.find("flow");
  if (flow != entry.end() && flow->is_string()) floor.flow = flow->get<std::string>();
  return floor;
}

std::string line_of(const NoiseFloor& floor) {
  const auto& metric = *floor.metric;
  const auto relative =
      floor.floor.relative > 0 ? fmt::format("{:.1f} %", 100 * floor.floor.relative) : "-";
  const auto usual = metric.yes_no ? "-" : fmt::format("{:.0f} %", 100 * metric.smallest_relative);
  const auto absolute = metric.yes_no ? fmt::format("{:.0f} % of reps", 100 * floor.floor.absolute)
                                      : human_value(metric.unit, floor.floor.absolute);
  return wrapped(
      fmt::format("{:<27} {:>8} {:>7} {:>14}  {}", metric.name, relative, usual, absolute,
                  printable(floor.flow.empty() ? floor.cell : floor.flow + " in " + floor.cell)),
      29);
}

}  // namespace

std::string calibration_text(const Calibration& calibration, const Comparison& a_against_a) {
  const auto changed = a_against_a.count(Verdict::regressed) +
                       a_against_a.count(Verdict::improved) + a_against_a.count(Verdict::appeared) +
                       a_against_a.count(Verdict::vanished);
  auto text =
      wrapped(fmt::format("{}: A against A, {} blocks: {}.", printable(calibration.scenario),
                          calibration.blocks, counts_text(a_against_a)),
              2);
  if (changed > 0) {
    text +=
        wrapped(fmt::format("{} of these verdicts are false alarms: this machine was not quiet, "
                            "or there are too few blocks.",
                            changed),
                2);
  }
  text += fmt::format("\n{:<27} {:>8} {:>7} {:>14}  {}\n", "metric", "floor", "usual", "absolute",
                      "largest in");
  for (const auto role : {Role::gating, Role::reported, Role::named}) {
    for (const auto& floor : calibration.floors) {
      if (floor.metric->role == role) text += line_of(floor);
    }
  }
  for (const auto& remark : remarks(a_against_a)) text += wrapped("- " + printable(remark), 2);
  return text;
}

std::string calibration_json(const Calibration& calibration) {
  auto metrics = ordered_json::object();
  for (const auto& [metric, floor, cell, flow] : calibration.floors) {
    metrics[metric->name] = {{"unit", name_of(metric->unit)},
                             {"relative", floor.relative},
                             {"absolute", floor.absolute},
                             {"cell", cell},
                             {"flow", flow.empty() ? ordered_json() : ordered_json(flow)}};
  }
  const ordered_json document{
      {"schema", kNoiseSchema},           {"kind", "noise"},
      {"scenario", calibration.scenario}, {"scenario_hash", calibration.scenario_hash},
      {"blocks", calibration.blocks},     {"seed", calibration.seed},
      {"metrics", std::move(metrics)},    {"environment", nested(calibration.environment)}};
  std::string text;
  append_pretty(document, 0, text);
  return text + "\n";
}

Calibration calibration_from_json(std::string_view text) {
  Faults faults;
  const auto document = parse_document(text, {std::size_t{4} << 20, false}, faults);
  if (!faults.empty()) refuse(to_text(faults.kept().front()));
  const auto& schema = member(*document, "schema", &json::is_string);
  if (schema != kNoiseSchema) {
    refuse(
        fmt::format("it is of schema {}, and this program reads {}", schema.dump(), kNoiseSchema));
  }
  Calibration calibration;
  calibration.scenario = member(*document, "scenario", &json::is_string).get<std::string>();
  calibration.scenario_hash =
      member(*document, "scenario_hash", &json::is_string).get<std::string>();
  calibration.blocks = member(*document, "blocks", &json::is_number_unsigned).get<std::uint32_t>();
  calibration.seed = member(*document, "seed", &json::is_number_unsigned).get<std::uint64_t>();
  calibration.environment = flattened(member(*document, "environment", &json::is_object));
  for (const auto& [name, entry] : member(*document, "metrics", &json::is_object).items()) {
    calibration.floors.push_back(floor_of(name, entry));
  }
  return calibration;
}

}  // namespace netstall
