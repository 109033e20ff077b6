// Verdicts: is B worse than A? Pure: the same samples always give the same
// comparison, and missing data never gives a verdict.
#pragma once

#include <map>
#include <string>

#include "bench/verdict/comparison.hpp"
#include "bench/verdict/samples.hpp"

namespace netstall {

// The smallest change that matters: a verdict needs both.
struct SmallestChange {
  double relative = 0;  // 0.1 is 10 %
  double absolute = 0;  // in the metric's unit
};

struct CompareOptions {
  Design design = Design::two_sittings;
  double level = 0.05;
  bool allow_environment_change = false;
  // By a metric's name, in place of the catalogue's: what `calibrate` found.
  std::map<std::string, SmallestChange> smallest_changes = {};
};

// Pairs cells by their parameters, and flow groups by name. Repetitions that did not
// succeed are dropped, and named in the result. Interleaved: the repetitions 2k and
// 2k + 1 of each arm were those of block k (blocks.hpp).
//
// p: Mann and Whitney's exact test, or within blocks the permutation of aligned ranks;
// where one side never saw it happen, Fisher's exact test on its occurrence (within
// blocks, the same permutation). q: Benjamini and Hochberg's over the gating metrics of
// all cells, those left out that could not reach the level whatever their order.
//
// Both sides must have been read with the same selection of metrics. Throws Error
// (usage): a side without cells, or with two of the same parameters; no cell in
// common; environments that differ, unless allowed (the comparison then carries the
// differences).
Comparison compare(const ReportSamples& a, const ReportSamples& b, const CompareOptions& options);

// In what the machines differ, and whether the scenarios do.
std::vector<EnvironmentDifference> differences_of(const ReportSamples& a, const ReportSamples& b);

}  // namespace netstall
