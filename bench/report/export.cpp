#include "bench/report/export.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/error.hpp"
#include "base/shell_word.hpp"
#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"
#include "bench/verdict/statistics.hpp"

namespace netstall {
namespace {

bool takes_all(const Metric&) {
  return true;
}

bool is_time(const Metric& metric) {
  return metric.unit == Unit::ns && metric.direction == Direction::lower_is_better;
}

bool is_lower_better(const Metric& metric) {
  return metric.direction == Direction::lower_is_better;
}

constexpr std::array<ExportFormat, 8> kFormats{{
    {"csv", "a row per repetition and metric", ExportMetrics::reported, takes_all, "", false,
     make_csv_exporter},
    {"markdown", "a table for a step summary, worst first, at most 1 MiB", ExportMetrics::gating,
     takes_all, "", true, make_markdown_exporter},
    {"junit", "JUnit XML: a test case per cell and metric, failed where an expectation was missed",
     ExportMetrics::gating, takes_all, "", true, make_junit_exporter},
    {"gbench", "Google Benchmark's JSON: a benchmark per cell and time, the median",
     ExportMetrics::gating, is_time, "times", false, make_gbench_exporter},
    {"github-action", "github-action-benchmark's customSmallerIsBetter JSON, medians",
     ExportMetrics::gating, is_lower_better, "metrics of which lower values are better", false,
     make_github_action_exporter},
    {"bencher", "Bencher Metric Format JSON, medians", ExportMetrics::gating, takes_all, "", false,
     make_bencher_exporter},
    {"openmetrics", "OpenMetrics text, medians", ExportMetrics::reported, takes_all, "", false,
     make_openmetrics_exporter},
    {"hgrm", "HdrHistogram's percentile tables, a section per cell, flow group and histogram",
     ExportMetrics::none, takes_all, "", false, make_hgrm_exporter},
}};

constexpr std::string_view kAllMetrics = "all";

void refuse(std::string_view cause, std::string remedy = {}) {
  throw Error(ErrorKind::usage, "export a report", cause, std::move(remedy));
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

// "a, b, c", of long lists the beginning.
std::string list_of(const std::set<std::string>& names) {
  constexpr std::size_t kShown = 20;
  std::vector<std::string> shown;
  for (const auto& name : names) {
    if (shown.size() < kShown) shown.push_back(name);
  }
  auto text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text;
}

void require_seen(const char* what, const std::vector<std::string>& chosen,
                  const std::set<std::string>& seen) {
  for (const auto& name : chosen) {
    if (!seen.contains(name)) {
      refuse(fmt::format("it has no {} \"{}\"", what, name),
             fmt::format("it has: {}", list_of(seen)));
    }
  }
}

}  // namespace

ExportHead export_head(const Report& report) {
  ExportHead head{report.tool,          report.environment, scenario_name(report.scenario_json),
                  report.scenario_hash, report.seed,        report.started_at,
                  report.command};
  // Reports of older versions do not say how they were made.
  if (head.command.empty()) {
    head.command = fmt::format("netstall run {}", shell_word(head.scenario + ".json"));
  }
  return head;
}

std::optional<ExportFigure> figure_of(const SampleRow& row) {
  std::vector<double> values;
  for (const auto& value : row.values) {
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  ExportFigure figure;
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  figure.lowest = *lowest;
  figure.highest = *highest;
  figure.repetitions = values.size();
  if (row.metric->yes_no) {
    const auto yes = std::count_if(values.begin(), values.end(), [](double v) { return v != 0; });
    figure.value = static_cast<double>(yes) / static_cast<double>(values.size());
  } else {
    figure.value = median(values);
  }
  return figure;
}

std::span<const ExportFormat> export_formats() {
  return kFormats;
}

const ExportFormat& export_format(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& format : kFormats) {
    if (format.name == name) return format;
    names.push_back(format.name);
  }
  throw Error(ErrorKind::usage, "export a report", fmt::format("there is no format \"{}\"", name),
              fmt::format("there are: {}", fmt::join(names, ", ")));
}

Export::Export(const ExportFormat& format, ExportChoice choice, ExportWrite write)
    : format_(format), choice_(std::move(choice)), write_(std::move(write)) {
  if (format.metrics == ExportMetrics::none) {
    if (!choice_.metrics.empty()) {
      refuse(fmt::format("{} exports histograms, not metrics", format.name),
             "choose with --histogram");
    }
  } else {
    if (!choice_.histograms.empty()) {
      refuse(fmt::format("{} exports metrics, not histograms", format.name),
             "choose with --metric, or export as hgrm");
    }
    choose_metrics();
  }
  exporter_ = format.make(choice_, write_);
}

void Export::choose_metrics() {
  const auto& names = choice_.metrics;
  std::vector<const Metric*> metrics_chosen;
  if (contains(names, kAllMetrics)) {
    for (const auto& metric : metrics()) metrics_chosen.push_back(&metric);
  } else {
    const auto selection = select_metrics(names);
    metrics_chosen = selection.gating;
    if (names.empty() && format_.metrics == ExportMetrics::reported) {
      const auto& more = selection.reported;
      metrics_chosen.insert(metrics_chosen.end(), more.begin(), more.end());
    }
  }
  std::vector<std::string> left_out;
  for (const auto* metric : metrics_chosen) {
    if (format_.takes(*metric)) {
      selection_.gating.push_back(metric);
    } else {
      left_out.push_back(metric->name);
    }
  }
  if (left_out.empty()) return;
  const auto why = fmt::format("{} holds {} alone", format_.name, format_.takes_what);
  if (selection_.gating.empty()) refuse(fmt::format("{}: not {}", why, left_out.front()));
  constexpr std::size_t kShown = 5;
  if (left_out.size() > kShown) {
    const auto more = left_out.size() - kShown;
    left_out.resize(kShown);
    left_out.push_back(fmt::format("{} more", more));
  }
  remarks_.push_back(fmt::format("left out, because {}: {}", why, fmt::join(left_out, ", ")));
}

ReportParts Export::parts() const {
  return format_.metrics == ExportMetrics::none ? ReportParts::all() : parts_of(selection_);
}

void Export::keep_chosen_flows(CellResult& cell) {
  for (auto& repetition : cell.repetitions) {
    for (const auto& flow : repetition.flows) flows_seen_.insert(flow.name);
    if (choice_.flows.empty()) continue;
    std::erase_if(repetition.flows,
                  [&](const FlowResult& flow) { return !contains(choice_.flows, flow.name); });
  }
  if (choice_.flows.empty()) return;
  std::erase_if(cell.expectations, [&](const ExpectationResult& result) {
    return !contains(choice_.flows, result.expectation.flow);
  });
}

void Export::cell(CellResult cell) {
  if (!cells_seen_.insert(cell.id).second) {
    refuse(fmt::format("cell {} is there twice", cell.id),
           "Use a report that netstall wrote, whole and unchanged.");
  }
  if (!choice_.cells.empty() && !contains(choice_.cells, cell.id)) return;
  keep_chosen_flows(cell);
  auto samples = samples_of(cell, selection_);
  good_ += samples.indices.size();
  dropped_ += samples.dropped.size();
  if (!choice_.flows.empty()) {
    std::erase_if(samples.rows, [](const SampleRow& row) { return row.flow.empty(); });
  }
  exporter_->cell({cell, samples});
}

void Export::end() {
  require_seen("cell", choice_.cells, cells_seen_);
  require_seen("flow group", choice_.flows, flows_seen_);
  if (good_ == 0 && !format_.shows_failures) {
    refuse(dropped_ == 0 ? std::string("it has no repetition")
                         : fmt::format("none of its {} repetitions is good", dropped_));
  }
  exporter_->end();
  if (dropped_ > 0) {
    remarks_.push_back(fmt::format("left out: {} of {} repetitions, which did not end well",
                                   dropped_, good_ + dropped_));
  }
}

}  // namespace netstall
