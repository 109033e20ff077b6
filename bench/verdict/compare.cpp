#include "bench/verdict/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "base/units.hpp"
#include "bench/verdict/fingerprint.hpp"
#include "bench/verdict/measure.hpp"

namespace netstall {
namespace {

[[noreturn]] void refuse(const ReportSamples& a, const ReportSamples& b, std::string_view cause,
                         std::string remedy = {}) {
  throw Error(ErrorKind::usage, fmt::format("compare {} with {}", a.name, b.name), cause,
              std::move(remedy));
}

using CellsByParameters = std::map<std::map<std::string, std::string>, const CellSamples*>;

CellsByParameters by_parameters(const ReportSamples& report, const ReportSamples& a,
                                const ReportSamples& b) {
  if (report.cells.empty()) refuse(a, b, fmt::format("{} has no cells", report.name));
  CellsByParameters cells;
  for (const auto& cell : report.cells) {
    if (!cells.emplace(cell.parameters, &cell).second) {
      refuse(a, b, fmt::format("{} has cell {} twice", report.name, printable(cell.id)));
    }
  }
  return cells;
}

std::string text_of(const EnvironmentDifference& difference) {
  return printable(fmt::format("{} is {} and {}", difference.fact,
                               difference.a.value_or("not known"),
                               difference.b.value_or("not known")));
}

std::vector<EnvironmentDifference> environment_differences(const ReportSamples& a,
                                                           const ReportSamples& b,
                                                           const CompareOptions& options) {
  auto differences = differences_of(a, b);
  if (differences.empty() || options.allow_environment_change) return differences;
  constexpr std::size_t kMostNamed = 5;
  std::string list;
  for (std::size_t i = 0; i < std::min(differences.size(), kMostNamed); ++i) {
    list += (i == 0 ? "" : "; ") + text_of(differences[i]);
  }
  if (differences.size() > kMostNamed) {
    list += fmt::format("; and {} more", differences.size() - kMostNamed);
  }
  refuse(a, b, fmt::format("they come from different environments: {}", list),
         "--allow-environment-change compares them all the same, and the verdict says so");
}

const SampleRow* find_row(const CellSamples& cell, const SampleRow& like) {
  for (const auto& row : cell.rows) {
    if (row.metric == like.metric && row.flow == like.flow) return &row;
  }
  return nullptr;
}

std::vector<std::string> missing_from(const std::vector<std::string>& names,
                                      const std::vector<std::string>& others) {
  std::vector<std::string> missing;
  std::copy_if(names.begin(), names.end(), std::back_inserter(missing),
               [&](const std::string& name) {
                 return std::find(others.begin(), others.end(), name) == others.end();
               });
  return missing;
}

// A metric of a cell, on its way to a verdict.
struct Pending {
  std::size_t cell = 0;
  Measured measured;
};

// The q of one family of tests, and with it their verdicts. Tests that no order of
// arms could bring to the level are left out of the family: that is known from the
// values alone, without the arms, so the others keep their guarantee (Tarone 1990).
std::uint64_t decide_family(std::vector<Pending*>& family, const CompareOptions& options) {
  std::vector<double> p;
  for (const auto* pending : family) {
    if (pending->measured.smallest_p <= options.level) p.push_back(pending->measured.p);
  }
  const auto q = benjamini_hochberg(p);
  auto next = q.begin();
  for (auto* pending : family) {
    auto& measured = pending->measured;
    if (measured.smallest_p <= options.level) {
      measured.comparison.q = *next++;
    } else if (measured.comparison.p) {
      measured.comparison.q = 1;
    }
    decide(measured, p.size(), options);
  }
  return p.size();
}

std::string label(const SampleRow& row) {
  return row.flow.empty() ? row.metric->name : fmt::format("{}: {}", row.flow, row.metric->name);
}

CellComparison pair_cells(const CellSamples& a, const CellSamples& b) {
  CellComparison cell{.id = a.id, .parameters = a.parameters};
  cell.repetitions_a = static_cast<std::uint32_t>(a.indices.size());
  cell.repetitions_b = static_cast<std::uint32_t>(b.indices.size());
  cell.dropped = a.dropped;
  for (auto dropped : b.dropped) {
    dropped.in_b = true;
    cell.dropped.push_back(std::move(dropped));
  }
  // A side without a good repetition has no flow groups at all: that is said of each
  // metric, not as groups that are missing.
  if (!a.indices.empty() && !b.indices.empty()) {
    cell.flows_only_a = missing_from(a.flows, b.flows);
    cell.flows_only_b = missing_from(b.flows, a.flows);
  }
  return cell;
}

// Compares cell by cell, and decides when all are there: what a p is worth depends on
// how many there are.
class Comparer {
 public:
  explicit Comparer(const CompareOptions& options) : options_(options) {}

  void add(const CellSamples& a, const CellSamples& b) {
    cells_.push_back(pair_cells(a, b));
    const auto& rows = a.indices.empty() ? b.rows : a.rows;
    for (const auto& row : rows) {
      const SampleRow none{row.metric, row.flow, row.gating};
      const auto* in_a = a.indices.empty() ? &none : find_row(a, row);
      const auto* in_b = b.indices.empty() ? &none : find_row(b, row);
      if (in_a == nullptr || in_b == nullptr) continue;  // a flow group of one side alone
      if (auto measured = measure({in_a, &a.indices}, {in_b, &b.indices}, options_, tests_)) {
        pending_.push_back({cells_.size() - 1, std::move(*measured)});
      } else if (row.gating) {
        cells_.back().not_measured.push_back(label(row));
      }
    }
  }

  void finish(Comparison& comparison) {
    std::vector<Pending*> gating;
    std::vector<Pending*> reported;
    for (auto& pending : pending_) {
      (pending.measured.comparison.gating ? gating : reported).push_back(&pending);
    }
    comparison.tests = decide_family(gating, options_);
    decide_family(reported, options_);
    for (auto& pending : pending_) {
      cells_[pending.cell].metrics.push_back(std::move(pending.measured.comparison));
    }
    comparison.cells = std::move(cells_);
  }

 private:
  const CompareOptions& options_;
  RankTests tests_;
  std::vector<CellComparison> cells_;
  std::vector<Pending> pending_;
};

void add_notes(Comparison& comparison) {
  if (comparison.design == Design::two_sittings) {
    comparison.notes.emplace_back(
        "A and B are two sittings: whatever else changed between them counts as a change. "
        "netstall ab interleaves the two.");
  }
  if (!comparison.environment.empty()) {
    comparison.notes.push_back(
        fmt::format("The environments differ in {}: a verdict may be theirs.",
                    counted(comparison.environment.size(), "fact")));
  }
  std::size_t dropped = 0;
  for (const auto& cell : comparison.cells) dropped += cell.dropped.size();
  if (dropped > 0) {
    comparison.notes.push_back(
        fmt::format("{} did not succeed: dropped.", counted(dropped, "repetition")));
  }
}

bool is_undecided(const CellComparison& cell) {
  bool compared = false;
  for (const auto& metric : cell.metrics) {
    if (!metric.gating) continue;
    compared = true;
    if (metric.verdict == Verdict::inconclusive) return true;
  }
  return !compared || !cell.flows_only_a.empty() || !cell.flows_only_b.empty();
}

}  // namespace

std::vector<EnvironmentDifference> differences_of(const ReportSamples& a, const ReportSamples& b) {
  auto in_a = a.environment;
  auto in_b = b.environment;
  in_a["scenario"] = a.scenario_hash;
  in_b["scenario"] = b.scenario_hash;
  return fingerprint_differences(in_a, in_b);
}

std::size_t Comparison::count(Verdict verdict) const {
  std::size_t count = 0;
  for (const auto& cell : cells) {
    for (const auto& metric : cell.metrics) {
      count += metric.gating && metric.verdict == verdict ? 1 : 0;
    }
  }
  return count;
}

Outcome Comparison::outcome() const {
  bool undecided = !cells_only_a.empty() || !cells_only_b.empty();
  for (const auto& cell : cells) {
    for (const auto& metric : cell.metrics) {
      if (metric.gating && metric.worse) return Outcome::worse;
    }
    undecided = undecided || is_undecided(cell);
  }
  return undecided ? Outcome::inconclusive : Outcome::ok;
}

Comparison compare(const ReportSamples& a, const ReportSamples& b, const CompareOptions& options) {
  const auto cells_a = by_parameters(a, a, b);
  const auto cells_b = by_parameters(b, a, b);
  Comparison comparison;
  comparison.design = options.design;
  comparison.name_a = a.name;
  comparison.name_b = b.name;
  comparison.level = options.level;
  comparison.environment = environment_differences(a, b, options);
  Comparer comparer(options);
  for (const auto& cell : a.cells) {
    const auto other = cells_b.find(cell.parameters);
    if (other == cells_b.end()) {
      comparison.cells_only_a.push_back(cell.id);
    } else {
      comparer.add(cell, *other->second);
    }
  }
  for (const auto& cell : b.cells) {
    if (!cells_a.contains(cell.parameters)) comparison.cells_only_b.push_back(cell.id);
  }
  comparer.finish(comparison);
  if (comparison.cells.empty()) {
    refuse(
        a, b, "they have no cell in common",
        "cells are paired by their parameters; netstall ab compares two settings of one scenario, "
        "netstall report shows the cells of a sweep side by side");
  }
  add_notes(comparison);
  return comparison;
}

}  // namespace netstall
