#include "bench/verdict/expectations.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "bench/verdict/metrics.hpp"
#include "bench/verdict/statistics.hpp"

namespace netstall {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Whether a limit written so can be one of a metric of this unit.
bool fits(Quantity quantity, Unit unit) {
  switch (unit) {
    case Unit::one:
      return quantity == Quantity::number;
    case Unit::ns:
      return quantity == Quantity::duration;
    case Unit::bytes:
      return quantity == Quantity::bytes || quantity == Quantity::number;
    case Unit::bytes_per_s:
      return quantity == Quantity::byte_rate;
    case Unit::per_s:
      return quantity == Quantity::rate;
  }
  return false;
}

std::string_view example_of(Unit unit) {
  switch (unit) {
    case Unit::one:
      return "a number such as 10";
    case Unit::ns:
      return "a duration such as \"10ms\"";
    case Unit::bytes:
      return "a size such as \"64KiB\"";
    case Unit::bytes_per_s:
      return "a rate such as \"64kB/s\" or \"1gbit\"";
    case Unit::per_s:
      return "a rate such as \"200/s\"";
  }
  return {};
}

bool within(const Expectation& expectation, double least, double most) {
  return most <= expectation.at_most.value_or(kInfinity) &&
         least >= expectation.at_least.value_or(-kInfinity);
}

// The readings of one expectation, over one repetition or several.
struct Readings {
  // Where a value is known both are it; else what it can have been at worst.
  std::vector<double> least;
  std::vector<double> most;
  std::size_t absent = 0;
  std::string why_absent;  // the first one's

  void add(const Reading& reading) {
    least.push_back(reading.value.value_or(reading.at_least.value_or(-kInfinity)));
    most.push_back(reading.value.value_or(reading.at_most.value_or(kInfinity)));
    if (reading.value) return;
    if (absent++ == 0) why_absent = reading.why_absent;
  }
};

std::string missed_text(const Expectation& expectation, Unit unit, double observed) {
  const bool above = observed > expectation.at_most.value_or(kInfinity);
  return fmt::format("{} is {} {}", human_value(unit, observed), above ? "above" : "below",
                     human_value(unit, above ? *expectation.at_most : *expectation.at_least));
}

ExpectationResult judge_readings(const Expectation& expectation, Unit unit,
                                 const Readings& readings) {
  ExpectationResult result{expectation, std::nullopt, false, {}};
  const double least = median(readings.least);
  const double most = median(readings.most);
  result.passed = within(expectation, least, most);
  if (readings.absent > 0) {
    result.reason = readings.least.size() == 1
                        ? fmt::format("no value: {}", readings.why_absent)
                        : fmt::format("no value in {} of {} repetitions: {}", readings.absent,
                                      readings.least.size(), readings.why_absent);
    return result;
  }
  result.observed = least;
  if (!result.passed) result.reason = missed_text(expectation, unit, least);
  return result;
}

ExpectationResult judge_one(const Expectation& expectation, std::span<const Repetition> repetitions,
                            bool only_good) {
  if (auto fault = fault_of(expectation)) {
    return {expectation, std::nullopt, false, *std::move(fault)};
  }
  const Metric& metric = *find_metric(expectation.metric);
  Readings readings;
  for (const auto& repetition : repetitions) {
    if (only_good && repetition.status != Status::ok) continue;
    RepetitionView view(repetition, expectation.flow);
    readings.add(read_metric(metric, view));
  }
  if (readings.least.empty()) {
    return {expectation, std::nullopt, false, "no repetition succeeded"};
  }
  return judge_readings(expectation, metric.unit, readings);
}

}  // namespace

std::optional<std::string> fault_of(const Expectation& expectation) {
  const Metric* metric = find_metric(expectation.metric);
  if (metric == nullptr) {
    const auto nearest = nearest_metric(expectation.metric);
    return fmt::format("there is no metric \"{}\"{}", expectation.metric,
                       nearest.empty() ? "; docs/metrics.md lists them"
                                       : fmt::format("; did you mean \"{}\"?", nearest));
  }
  if (metric->scope == Scope::whole && !expectation.flow.empty()) {
    return fmt::format(
        "{} is measured of the whole repetition, not of a flow group: leave \"flow\" out",
        metric->name);
  }
  if (!expectation.at_most && !expectation.at_least) {
    return fmt::format("{} has no limit: give \"at_most\" or \"at_least\"", metric->name);
  }
  if (!fits(expectation.quantity, metric->unit)) {
    return fmt::format("{} takes {} as its limit", metric->name, example_of(metric->unit));
  }
  if (expectation.at_most && expectation.at_least && *expectation.at_least > *expectation.at_most) {
    return fmt::format("at_least is above at_most: no value of {} can pass", metric->name);
  }
  return std::nullopt;
}

std::vector<ExpectationResult> observe(std::span<const Expectation> expectations,
                                       const Repetition& repetition) {
  std::vector<ExpectationResult> results;
  for (const auto& expectation : expectations) {
    results.push_back(judge_one(expectation, {&repetition, 1}, false));
  }
  return results;
}

std::vector<ExpectationResult> judge(std::span<const Expectation> expectations,
                                     std::span<const Repetition> repetitions) {
  std::vector<ExpectationResult> results;
  for (const auto& expectation : expectations) {
    results.push_back(judge_one(expectation, repetitions, true));
  }
  return results;
}

namespace {

Unit unit_of(const Expectation& expectation) {
  const Metric* metric = find_metric(expectation.metric);
  return metric == nullptr ? Unit::one : metric->unit;
}

}  // namespace

std::string to_text(const Expectation& expectation) {
  const Unit unit = unit_of(expectation);
  std::string limits;
  if (expectation.at_least) {
    limits += fmt::format(" at least {}", human_value(unit, *expectation.at_least));
  }
  if (expectation.at_most) {
    limits += fmt::format("{} at most {}", limits.empty() ? "" : " and",
                          human_value(unit, *expectation.at_most));
  }
  return fmt::format("{}{}{}{}", expectation.flow, expectation.flow.empty() ? "" : ": ",
                     expectation.metric, limits);
}

std::string to_text(const ExpectationResult& result) {
  const auto what = to_text(result.expectation);
  const auto outcome = result.passed ? "met" : "missed";
  if (result.observed) {
    return fmt::format("{}: {}, {}", what,
                       human_value(unit_of(result.expectation), *result.observed), outcome);
  }
  return fmt::format("{}: {} ({})", what, outcome, result.reason);
}

}  // namespace netstall
