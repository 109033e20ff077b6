#include "bench/verdict/measure.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "bench/verdict/blocks.hpp"

namespace netstall {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::size_t absent_in(const SampleRow& row) {
  return static_cast<std::size_t>(std::count(row.values.begin(), row.values.end(), std::nullopt));
}

// "no value in 3 of 12 repetitions of A: no probe measured stalls".
std::string absence(const SampleRow& row, std::string_view arm) {
  if (row.values.empty()) return fmt::format("no good repetition of {}", arm);
  return fmt::format("no value in {} of {} repetitions of {}: {}", absent_in(row),
                     row.values.size(), arm, row.why_absent);
}

// One stratum, or one of each block that both arms are in.
Strata strata_of(const ArmValues& a, const ArmValues& b, Design design) {
  std::map<std::uint32_t, Stratum> by_block;
  const auto put = [&](const ArmValues& arm, std::vector<double> Stratum::*side) {
    for (std::size_t i = 0; i < arm.row->values.size(); ++i) {
      const auto block = design == Design::interleaved ? block_of((*arm.indices)[i]) : 0;
      (by_block[block].*side).push_back(*arm.row->values[i]);
    }
  };
  put(a, &Stratum::a);
  put(b, &Stratum::b);
  Strata strata;
  for (auto& [block, stratum] : by_block) {
    if (!stratum.a.empty() && !stratum.b.empty()) strata.push_back(std::move(stratum));
  }
  return strata;
}

// The smallest p that exchanging arms within these strata can give untied values.
double floor_of(const Strata& strata) {
  double one = 1;
  for (const auto& stratum : strata) {
    one *= one_choice(stratum.a.size() + stratum.b.size(), stratum.a.size());
  }
  return std::min(1.0, 2 * one);
}

ArmSummary summary(const std::vector<double>& values, const SampleRow& row) {
  ArmSummary arm;
  arm.count = static_cast<std::uint32_t>(values.size());
  arm.nonzero = static_cast<std::uint32_t>(
      std::count_if(values.begin(), values.end(), [](double value) { return value != 0; }));
  arm.median = median(values);
  arm.lower_bounds = std::min(row.lower_bounds, arm.count);
  return arm;
}

template <class Change>
Strata transformed(const Strata& strata, Change change) {
  Strata result = strata;
  for (auto& stratum : result) {
    for (double& value : stratum.a) value = change(value);
    for (double& value : stratum.b) value = change(value);
  }
  return result;
}

// Whether arms differ in how often a value is not 0: Fisher's exact test, or within
// blocks the permutation of the ranks of yes and no, which is the same idea.
void test_occurrence(Measured& measured, const Strata& strata, RankTests& tests) {
  const auto yes = transformed(strata, [](double value) { return value != 0 ? 1.0 : 0.0; });
  const auto& [a, b] = std::pair(measured.comparison.a, measured.comparison.b);
  measured.p = strata.size() == 1 ? fisher_exact({a.nonzero, a.count}, {b.nonzero, b.count})
                                  : tests.p_value(yes);
  measured.smallest_p = tests.smallest_p_value(yes);
}

Indifference indifference_of(const MetricComparison& comparison, double base) {
  const double relative = std::log1p(comparison.smallest_relative);
  const double share = comparison.smallest_absolute / base;
  return {share >= 1 ? -kInfinity : std::min(-relative, std::log1p(-share)),
          std::max(relative, std::log1p(share))};
}

void measure_shift(Measured& measured, const Strata& strata, Design design, RankTests& tests) {
  auto& comparison = measured.comparison;
  const double resolution = comparison.metric->resolution;
  const auto logs = transformed(
      strata, [&](double value) { return std::log(std::max(value, 0.0) + resolution); });
  if (design == Design::interleaved) {
    const auto level = aligned(logs);
    measured.p = tests.p_value(level);
    measured.smallest_p = tests.smallest_p_value(level);
    measured.log_shift = tests.shift_within_blocks(logs);
  } else {
    measured.p = tests.p_value(logs);
    measured.smallest_p = tests.smallest_p_value(logs);
    measured.log_shift = tests.shift(logs.front());
  }
  const double base = comparison.a.median + resolution;
  measured.indifference = indifference_of(comparison, base);
  const auto& shift = measured.log_shift;
  comparison.difference = base * std::expm1(shift.estimate);
  if (shift.interval) {
    comparison.difference_interval = {base * std::expm1(shift.interval->low),
                                      base * std::expm1(shift.interval->high)};
  }
  if (comparison.a.median > 0 && comparison.b.median > 0) {
    comparison.ratio = std::exp(shift.estimate);
    if (shift.interval) {
      comparison.ratio_interval = {std::exp(shift.interval->low), std::exp(shift.interval->high)};
    }
  }
}

void measure_shares(Measured& measured, const Strata& strata, RankTests& tests) {
  auto& comparison = measured.comparison;
  const Proportion a{comparison.a.nonzero, comparison.a.count};
  const Proportion b{comparison.b.nonzero, comparison.b.count};
  test_occurrence(measured, strata, tests);
  comparison.difference = b.value() - a.value();
  comparison.difference_interval = newcombe_interval(a, b);
}

void measure_one_sided(Measured& measured, const Strata& strata, const std::vector<double>& values,
                       RankTests& tests) {
  std::vector<double> nonzero;
  std::copy_if(values.begin(), values.end(), std::back_inserter(nonzero),
               [](double value) { return value != 0; });
  measured.typical = median(nonzero);
  measured.largest = *std::max_element(nonzero.begin(), nonzero.end());
  test_occurrence(measured, strata, tests);
  auto& comparison = measured.comparison;
  comparison.difference = comparison.b.median - comparison.a.median;
}

Measured missing(MetricComparison comparison, std::string reason) {
  Measured measured;
  measured.comparison = std::move(comparison);
  measured.comparison.reason = std::move(reason);
  return measured;
}

MetricComparison start(const SampleRow& row, const CompareOptions& options) {
  const Metric& metric = *row.metric;
  MetricComparison comparison;
  comparison.metric = &metric;
  comparison.flow = row.flow;
  comparison.gating = row.gating;
  comparison.smallest_relative = metric.smallest_relative;
  comparison.smallest_absolute = metric.smallest_absolute;
  const auto given = options.smallest_changes.find(metric.name);
  if (given != options.smallest_changes.end()) {
    comparison.smallest_relative = given->second.relative;
    comparison.smallest_absolute = given->second.absolute;
  }
  return comparison;
}

}  // namespace

std::optional<Measured> measure(const ArmValues& a, const ArmValues& b,
                                const CompareOptions& options, RankTests& tests) {
  const auto absent_a = absent_in(*a.row);
  const auto absent_b = absent_in(*b.row);
  if (absent_a == a.row->values.size() && absent_b == b.row->values.size()) return std::nullopt;
  const Metric& metric = *a.row->metric;
  auto comparison = start(*a.row, options);
  if (absent_a > 0 || a.row->values.empty()) return missing(comparison, absence(*a.row, "A"));
  if (absent_b > 0 || b.row->values.empty()) return missing(comparison, absence(*b.row, "B"));
  const auto strata = strata_of(a, b, options.design);
  if (strata.empty()) return missing(comparison, "no block has a good repetition of both arms");

  Measured measured;
  measured.comparison = std::move(comparison);
  auto& result = measured.comparison;
  const auto values_a = all_a(strata);
  const auto values_b = all_b(strata);
  result.a = summary(values_a, *a.row);
  result.b = summary(values_b, *b.row);
  result.cliffs_delta = cliffs_delta(values_a, values_b);
  measured.floor = floor_of(strata);
  const auto equals_first = [&](double value) { return value == values_a.front(); };
  if (std::all_of(values_a.begin(), values_a.end(), equals_first) &&
      std::all_of(values_b.begin(), values_b.end(), equals_first)) {
    measured.kind = Measured::Kind::same;
    result.difference = 0;
    if (values_a.front() != 0 && !metric.yes_no) result.ratio = 1;
  } else if (metric.yes_no) {
    measured.kind = Measured::Kind::counted;
    measure_shares(measured, strata, tests);
  } else if (result.a.nonzero == 0 || result.b.nonzero == 0) {
    measured.kind = Measured::Kind::one_sided;
    measure_one_sided(measured, strata, result.a.nonzero == 0 ? values_b : values_a, tests);
  } else {
    measured.kind = Measured::Kind::shifted;
    measure_shift(measured, strata, options.design, tests);
  }
  if (measured.kind != Measured::Kind::same) result.p = measured.p;
  return measured;
}

}  // namespace netstall
