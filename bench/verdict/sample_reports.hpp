// For tests alone: reports of one cell, made of given values.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "bench/verdict/compare.hpp"
#include "bench/verdict/samples.hpp"

namespace netstall {

using Values = std::vector<std::optional<double>>;

// One cell with one flow group and one gating metric.
inline ReportSamples report_of(std::string name, const std::string& metric, const Values& values) {
  CellSamples cell;
  cell.id = "base";
  cell.flows = {"slow"};
  for (std::uint32_t i = 0; i < values.size(); ++i) cell.indices.push_back(i);
  SampleRow row{find_metric(metric), "slow", true};
  row.values = values;
  row.why_absent = "no probe measured stalls";
  cell.rows.push_back(row);
  ReportSamples report;
  report.name = std::move(name);
  report.cells.push_back(cell);
  return report;
}

inline Comparison compare_values(const std::string& metric, const Values& a, const Values& b,
                                 const CompareOptions& options = {}) {
  return compare(report_of("a.json", metric, a), report_of("b.json", metric, b), options);
}

inline MetricComparison one(const Comparison& comparison) {
  return comparison.cells.at(0).metrics.at(0);
}

// n values around `centre`, spread by +-5 %, none equal to another.
inline Values around(double centre, int n) {
  Values values;
  for (int i = 0; i < n; ++i) {
    values.push_back(centre * (0.95 + 0.1 * ((i * 7) % n) / n + 1e-4 * i));
  }
  return values;
}

}  // namespace netstall
