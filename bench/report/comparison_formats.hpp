// A comparison for people and for CI. The same comparison always gives the same
// bytes. Worst first, in all of them but JSON, which keeps the order of the cells.
#pragma once

#include <string>
#include <vector>

#include "bench/verdict/comparison.hpp"

namespace netstall {

constexpr std::string_view kComparisonSchema = "netstall/comparison/1";

// One metric of one cell.
struct ComparisonRow {
  const CellComparison* cell = nullptr;
  const MetricComparison* metric = nullptr;
};

// The gating metrics, or the reported ones; the worst first: changes for the worse,
// then what is inconclusive, improved, unchanged; within these the largest change.
std::vector<ComparisonRow> worst_first(const Comparison& comparison, bool gating);

// "slow: stall.p99".
std::string metric_label(const MetricComparison& metric);
// "102 ms → 155 ms, ×1.52 (1.31 to 1.77)"; empty where there are no values.
std::string change_text(const MetricComparison& metric);
// The reason and what would decide it: "q = 0.002".
std::string reason_text(const MetricComparison& metric);
// "1 regressed, 2 inconclusive, 9 unchanged".
std::string counts_text(const Comparison& comparison);
// What was lost on the way, a sentence each: dropped repetitions, what was not
// measured or has no counterpart, differences of the environment, notes.
std::vector<std::string> remarks(const Comparison& comparison);

struct ComparisonTextOptions {
  bool color = false;
  bool all = false;  // unchanged and reported metrics too
};
// At most 80 columns.
std::string comparison_text(const Comparison& comparison, const ComparisonTextOptions& options);

// As results/comparison.schema.json says.
std::string comparison_json(const Comparison& comparison);

// At most 1 MiB, which is what a step summary takes: the worst, and "N more".
std::string comparison_markdown(const Comparison& comparison);

// A test case per cell and gating metric. Inconclusive ones are skipped, or failed
// where `strict`.
std::string comparison_junit(const Comparison& comparison, bool strict);

// Commands of GitHub Actions: an error for each of the worst ten gating metrics that
// changed for the worse, a warning (where `strict`, an error) for each of ten
// inconclusive ones, and "N more". Nothing where there is none of either.
std::string comparison_annotations(const Comparison& comparison, bool strict);

}  // namespace netstall
