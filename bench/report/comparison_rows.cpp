#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "bench/report/comparison_formats.hpp"

namespace netstall {
namespace {

int badness(const MetricComparison& metric) {
  if (metric.worse) return 0;
  switch (metric.verdict) {
    case Verdict::inconclusive:
      return 1;
    case Verdict::unchanged:
      return 3;
    default:
      return 2;
  }
}

// What appeared, or has no ratio, changed without bound.
double size_of_change(const MetricComparison& metric) {
  if (metric.ratio && *metric.ratio > 0) return std::abs(std::log(*metric.ratio));
  return metric.difference && *metric.difference != 0 ? std::numeric_limits<double>::infinity() : 0;
}

std::string ratio_text(double ratio) {
  return ratio >= 100 ? fmt::format("{:.3g}", ratio) : fmt::format("{:.2f}", ratio);
}

std::string share_text(const ArmSummary& arm) {
  return fmt::format("{} of {}", arm.nonzero, arm.count);
}

std::string list_of(const std::vector<std::string>& names) {
  constexpr std::size_t kMost = 10;
  const auto shown = std::min(names.size(), kMost);
  auto text =
      fmt::format("{}", fmt::join(names.begin(), names.begin() + static_cast<int>(shown), ", "));
  if (names.size() > shown) text += fmt::format(" and {} more", names.size() - shown);
  return text;
}

void add_cell_remarks(const CellComparison& cell, std::vector<std::string>& out) {
  const auto add = [&](std::string_view what, const std::vector<std::string>& names) {
    if (!names.empty()) out.push_back(fmt::format("{}: {}: {}", cell.id, what, list_of(names)));
  };
  for (const auto& dropped : cell.dropped) {
    out.push_back(fmt::format("{}: repetition {} of {} is left out: {}{}", cell.id, dropped.index,
                              dropped.in_b ? "B" : "A", name_of(dropped.status),
                              dropped.reason.empty() ? "" : ", " + dropped.reason));
  }
  add("measured on neither side", cell.not_measured);
  add("flow groups of A alone", cell.flows_only_a);
  add("flow groups of B alone", cell.flows_only_b);
}

}  // namespace

std::vector<ComparisonRow> worst_first(const Comparison& comparison, bool gating) {
  std::vector<ComparisonRow> rows;
  for (const auto& cell : comparison.cells) {
    for (const auto& metric : cell.metrics) {
      if (metric.gating == gating) rows.push_back({&cell, &metric});
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const ComparisonRow& x, const ComparisonRow& y) {
    const int bad_x = badness(*x.metric);
    const int bad_y = badness(*y.metric);
    if (bad_x != bad_y) return bad_x < bad_y;
    return size_of_change(*x.metric) > size_of_change(*y.metric);
  });
  return rows;
}

std::string metric_label(const MetricComparison& metric) {
  const auto& name = metric.metric->name;
  return metric.flow.empty() ? name : fmt::format("{}: {}", metric.flow, name);
}

std::string change_text(const MetricComparison& metric) {
  if (metric.a.count == 0 || metric.b.count == 0) return {};
  if (metric.metric->yes_no) {
    return fmt::format("{} → {} repetitions", share_text(metric.a), share_text(metric.b));
  }
  const auto unit = metric.metric->unit;
  auto text = fmt::format("{} → {}", human_value(unit, metric.a.median),
                          human_value(unit, metric.b.median));
  if (!metric.ratio) return text;
  text += fmt::format(", ×{}", ratio_text(*metric.ratio));
  if (const auto& interval = metric.ratio_interval) {
    text += fmt::format(" ({} to {})", ratio_text(interval->low), ratio_text(interval->high));
  }
  return text;
}

std::string reason_text(const MetricComparison& metric) {
  auto text = metric.reason;
  if (metric.verdict != Verdict::inconclusive || !metric.needed_repetitions) return text;
  if (text.starts_with("needs at least")) return text;
  return fmt::format("{}; some {} repetitions a side would tell", text, *metric.needed_repetitions);
}

std::string counts_text(const Comparison& comparison) {
  std::string text;
  for (std::size_t i = 0; i < Names<Verdict>::list.size(); ++i) {
    const auto count = comparison.count(static_cast<Verdict>(i));
    if (count == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, Names<Verdict>::list[i]);
  }
  return text.empty() ? "no gating metric was compared" : text;
}

std::vector<std::string> remarks(const Comparison& comparison) {
  auto all = comparison.notes;
  for (const auto& [fact, a, b] : comparison.environment) {
    all.push_back(fmt::format("{} differs: {} and {}", fact, a.value_or("not known"),
                              b.value_or("not known")));
  }
  if (!comparison.cells_only_a.empty()) {
    all.push_back("Cells of A alone: " + list_of(comparison.cells_only_a));
  }
  if (!comparison.cells_only_b.empty()) {
    all.push_back("Cells of B alone: " + list_of(comparison.cells_only_b));
  }
  for (const auto& cell : comparison.cells) add_cell_remarks(cell, all);
  return all;
}

}  // namespace netstall
