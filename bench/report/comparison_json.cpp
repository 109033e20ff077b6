// A comparison as JSON, a cell at a time: a large one has tens of thousands of rows.
#include <cmath>
#include <nlohmann/json.hpp>

#include "bench/report/comparison_formats.hpp"
#include "model/json_text.hpp"

namespace netstall {
namespace {

using nlohmann::ordered_json;

// Null for what cannot be told, and for what is no number.
ordered_json json_of(const std::optional<double>& value) {
  if (!value || !std::isfinite(*value)) return nullptr;
  return *value;
}

ordered_json json_of(const std::optional<Interval>& interval) {
  if (!interval) return nullptr;
  return ordered_json::array({json_of(interval->low), json_of(interval->high)});
}

template <class T>
ordered_json json_or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

ordered_json json_of(const ArmSummary& arm) {
  // Without values there is no median.
  return {{"count", arm.count},
          {"nonzero", arm.nonzero},
          {"median", json_of(arm.count == 0 ? std::nullopt : std::optional(arm.median))}};
}

ordered_json json_of(const MetricComparison& row) {
  return {{"flow", row.flow.empty() ? ordered_json() : ordered_json(row.flow)},
          {"metric", row.metric->name},
          {"unit", name_of(row.metric->unit)},
          {"better", row.metric->direction == Direction::lower_is_better ? "lower" : "higher"},
          {"gating", row.gating},
          {"verdict", name_of(row.verdict)},
          {"worse", row.worse},
          {"reason", row.reason},
          {"a", json_of(row.a)},
          {"b", json_of(row.b)},
          {"ratio", json_of(row.ratio)},
          {"ratio_interval", json_of(row.ratio_interval)},
          {"difference", json_of(row.difference)},
          {"difference_interval", json_of(row.difference_interval)},
          {"cliffs_delta", json_of(row.cliffs_delta)},
          {"p", json_of(row.p)},
          {"q", json_of(row.q)},
          {"smallest_relative", row.smallest_relative},
          {"smallest_absolute", row.smallest_absolute},
          {"needed_repetitions", json_or_null(row.needed_repetitions)}};
}

ordered_json json_of(const CellComparison& cell) {
  auto dropped = ordered_json::array();
  for (const auto& one : cell.dropped) {
    dropped.push_back({{"side", one.in_b ? "b" : "a"},
                       {"index", one.index},
                       {"status", name_of(one.status)},
                       {"reason", one.reason}});
  }
  auto metrics = ordered_json::array();
  for (const auto& row : cell.metrics) metrics.push_back(json_of(row));
  return {{"id", cell.id},
          {"parameters", cell.parameters},
          {"repetitions", {{"a", cell.repetitions_a}, {"b", cell.repetitions_b}}},
          {"dropped", std::move(dropped)},
          {"not_measured", cell.not_measured},
          {"flows_only_a", cell.flows_only_a},
          {"flows_only_b", cell.flows_only_b},
          {"metrics", std::move(metrics)}};
}

ordered_json head_of(const Comparison& comparison) {
  auto counts = ordered_json::object();
  for (std::size_t i = 0; i < Names<Verdict>::list.size(); ++i) {
    counts[std::string(Names<Verdict>::list[i])] = comparison.count(static_cast<Verdict>(i));
  }
  auto environment = ordered_json::array();
  for (const auto& [fact, a, b] : comparison.environment) {
    environment.push_back({{"fact", fact}, {"a", json_or_null(a)}, {"b", json_or_null(b)}});
  }
  return {{"schema", kComparisonSchema},
          {"kind", "comparison"},
          {"outcome", name_of(comparison.outcome())},
          {"counts", std::move(counts)},
          {"design", name_of(comparison.design)},
          {"a", comparison.name_a},
          {"b", comparison.name_b},
          {"level", comparison.level},
          {"tests", comparison.tests},
          {"environment_differences", std::move(environment)},
          {"notes", comparison.notes},
          {"cells_only_a", comparison.cells_only_a},
          {"cells_only_b", comparison.cells_only_b}};
}

}  // namespace

std::string comparison_json(const Comparison& comparison) {
  std::string text;
  append_pretty(head_of(comparison), 0, text);
  text.resize(text.size() - 2);  // the closing line
  text += ",\n  \"cells\": [";
  bool first = true;
  for (const auto& cell : comparison.cells) {
    if (!first) text += ',';
    first = false;
    append_line_break(2, text);
    append_pretty(json_of(cell), 2, text);
  }
  append_line_break(1, text);
  return text + "]\n}\n";
}

}  // namespace netstall
