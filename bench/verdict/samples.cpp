#include "bench/verdict/samples.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/error.hpp"
#include "base/printable.hpp"

namespace netstall {
namespace {

const Metric* metric_named(const std::string& name) {
  if (const Metric* metric = find_metric(name)) return metric;
  const auto nearest = nearest_metric(name);
  throw Error(ErrorKind::usage, "choose metrics", fmt::format("there is no metric \"{}\"", name),
              nearest.empty() ? "docs/metrics.md lists them"
                              : fmt::format("did you mean \"{}\"?", nearest));
}

// Of two flow groups of one name only one could be read.
void require_flows_once(const CellResult& cell, const Repetition& repetition) {
  std::set<std::string_view> names;
  for (const auto& flow : repetition.flows) {
    if (names.insert(flow.name).second) continue;
    throw Error(ErrorKind::usage, fmt::format("read cell {}", printable(cell.id)),
                fmt::format("repetition {} has flow group {} twice", repetition.index,
                            printable(flow.name)));
  }
}

// The flow groups of all good repetitions, in the order in which they first stand.
std::vector<std::string> flows_of(const std::vector<const Repetition*>& repetitions) {
  std::vector<std::string> names;
  for (const auto* repetition : repetitions) {
    for (const auto& flow : repetition->flows) {
      if (std::find(names.begin(), names.end(), flow.name) == names.end()) {
        names.push_back(flow.name);
      }
    }
  }
  return names;
}

// The rows of a selection without values: a metric of each flow group, or of the
// whole where it is only measured so.
std::vector<SampleRow> empty_rows(const MetricSelection& selection,
                                  const std::vector<std::string>& flows) {
  std::vector<SampleRow> rows;
  for (const auto* metrics : {&selection.gating, &selection.reported}) {
    const bool gating = metrics == &selection.gating;
    for (const Metric* metric : *metrics) {
      if (metric->scope == Scope::whole) {
        rows.push_back({metric, {}, gating});
        continue;
      }
      for (const auto& flow : flows) rows.push_back({metric, flow, gating});
    }
  }
  return rows;
}

void read_into(std::vector<SampleRow>& rows, const Repetition& repetition) {
  // A view each, because it keeps what it puts together.
  std::map<std::string, RepetitionView> views;
  for (auto& row : rows) {
    auto& view = views.try_emplace(row.flow, repetition, row.flow).first->second;
    auto reading = read_metric(*row.metric, view);
    row.values.push_back(reading.value);
    if (reading.value && reading.lower_bound) ++row.lower_bounds;
    if (!reading.value && row.why_absent.empty()) row.why_absent = std::move(reading.why_absent);
  }
}

}  // namespace

MetricSelection select_metrics(std::span<const std::string> gating_names) {
  MetricSelection selection;
  for (const auto& name : gating_names) {
    const Metric* metric = metric_named(name);
    auto& gating = selection.gating;
    if (std::find(gating.begin(), gating.end(), metric) == gating.end()) gating.push_back(metric);
  }
  const bool by_name = !selection.gating.empty();
  for (const auto& metric : metrics()) {
    if (metric.role == Role::named) continue;
    if (!by_name && metric.role == Role::gating) {
      selection.gating.push_back(&metric);
    } else if (std::find(selection.gating.begin(), selection.gating.end(), &metric) ==
               selection.gating.end()) {
      selection.reported.push_back(&metric);
    }
  }
  return selection;
}

ReportParts parts_of(const MetricSelection& selection) {
  ReportParts parts;
  for (const auto* metrics : {&selection.gating, &selection.reported}) {
    for (const Metric* metric : *metrics) parts |= metric->parts;
  }
  return parts;
}

CellSamples samples_of(const CellResult& cell, const MetricSelection& selection) {
  CellSamples samples{.id = cell.id, .parameters = cell.parameters};
  std::vector<const Repetition*> good;
  std::set<std::uint32_t> seen;
  for (const auto& repetition : cell.repetitions) {
    if (!seen.insert(repetition.index).second) {
      throw Error(ErrorKind::usage, fmt::format("read cell {}", printable(cell.id)),
                  fmt::format("repetition {} is there twice", repetition.index));
    }
    require_flows_once(cell, repetition);
    if (repetition.status == Status::ok) {
      good.push_back(&repetition);
    } else {
      samples.dropped.push_back(
          {false, repetition.index, repetition.status, repetition.reason.value_or("")});
    }
  }
  samples.flows = flows_of(good);
  samples.rows = empty_rows(selection, samples.flows);
  for (const auto* repetition : good) {
    samples.indices.push_back(repetition->index);
    read_into(samples.rows, *repetition);
  }
  return samples;
}

ReportSamples samples_of(const Report& report, std::string name, const MetricSelection& selection) {
  ReportSamples samples{std::move(name), report.environment, report.scenario_hash, {}};
  for (const auto& cell : report.cells) samples.cells.push_back(samples_of(cell, selection));
  return samples;
}

}  // namespace netstall
