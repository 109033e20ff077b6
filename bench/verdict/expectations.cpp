#include "bench/verdict/expectations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/shell_word.hpp"
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

// What a value was, or where it is not known, the least and the most it can have been.
struct Range {
  double least = 0;
  double most = 0;
};

// A factor of what another cell has: of nothing it is nothing, even where the factor of
// a value that is not known would be without bounds.
double times(double factor, double value) {
  return factor == 0 || value == 0 ? 0 : factor * value;
}

// Whether a range meets the limits, each being so many times `base`. Plain limits are
// those of a base of exactly 1.
bool within(const Expectation& expectation, const Range& value, const Range& base,
            double resolution) {
  if (expectation.at_most && value.most > times(*expectation.at_most, base.least)) return false;
  if (expectation.at_least) {
    if (value.least < times(*expectation.at_least, base.most)) return false;
    // More of nothing is more than nothing.
    if (*expectation.at_least > 1 && base.least <= 0 && value.least <= 0) return false;
  }
  if (expectation.equals) {
    const auto differs = [&](double one, double other) {
      return one != other && !(std::abs(one - other) < resolution / 2);
    };
    return !differs(value.most, times(*expectation.equals, base.least)) &&
           !differs(value.least, times(*expectation.equals, base.most));
  }
  return true;
}

// Whether some value of a range meets the limits, against some base of another.
bool could_be_met(const Expectation& expectation, const Range& value, const Range& base) {
  const auto& at_most = expectation.at_most;
  const auto& at_least = expectation.at_least;
  const auto& equals = expectation.equals;
  return (!at_most || value.least <= times(*at_most, base.most)) &&
         (!at_least || value.most >= times(*at_least, base.least)) &&
         (!equals ||
          (value.least <= times(*equals, base.most) && value.most >= times(*equals, base.least)));
}

constexpr Range kPlain{1, 1};

// The readings of one expectation, over one repetition or several.
struct Readings {
  std::vector<double> least;
  std::vector<double> most;
  std::size_t absent = 0;
  std::size_t lower_bounds = 0;
  std::string why_absent;  // the first one's

  void add(const Reading& reading) {
    least.push_back(reading.value.value_or(reading.at_least.value_or(-kInfinity)));
    const auto most_seen = reading.value.value_or(reading.at_most.value_or(kInfinity));
    most.push_back(reading.lower_bound ? kInfinity : most_seen);
    if (reading.lower_bound) ++lower_bounds;
    if (reading.value) return;
    if (absent++ == 0) why_absent = reading.why_absent;
  }
  bool empty() const { return least.empty(); }
  Range range() const { return {median(least), median(most)}; }
  std::optional<double> observed() const {
    return absent > 0 ? std::nullopt : std::optional(median(least));
  }
  std::string bound(Unit unit) const {
    return fmt::format(
        "at least {}: in {} of {} repetitions the window's edges cut too much to tell "
        "more, measure longer",
        human_value(unit, median(least)), lower_bounds, least.size());
  }
  std::string absence() const {
    return least.size() == 1 ? fmt::format("no value: {}", why_absent)
                             : fmt::format("no value in {} of {} repetitions: {}", absent,
                                           least.size(), why_absent);
  }
};

Readings good_readings(const Expectation& expectation, const Metric& metric,
                       std::span<const Repetition> repetitions) {
  Readings readings;
  for (const auto& repetition : repetitions) {
    if (repetition.status != Status::ok) continue;
    RepetitionView view(repetition, expectation.flow);
    readings.add(read_metric(metric, view));
  }
  return readings;
}

std::string missed_text(const Expectation& expectation, Unit unit, double observed) {
  if (expectation.equals) {
    return fmt::format("{} is not {}", human_value(unit, observed),
                       human_value(unit, *expectation.equals));
  }
  const bool above = observed > expectation.at_most.value_or(kInfinity);
  return fmt::format("{} is {} {}", human_value(unit, observed), above ? "above" : "below",
                     human_value(unit, above ? *expectation.at_most : *expectation.at_least));
}

// The same against another cell, which has `base`.
std::string missed_text(const Expectation& expectation, Unit unit, double observed, double base) {
  const auto text = [&](std::string_view relation, double factor) {
    return fmt::format("{} is {} {:g} times {}", human_value(unit, observed), relation, factor,
                       human_value(unit, base));
  };
  if (expectation.equals) return text("not", *expectation.equals);
  if (expectation.at_most && observed > times(*expectation.at_most, base)) {
    return text("above", *expectation.at_most);
  }
  return text(base > 0 ? "below" : "not above", *expectation.at_least);
}

ExpectationResult judge_readings(const Expectation& expectation, const Metric& metric,
                                 const Readings& readings) {
  ExpectationResult result{expectation, readings.observed(), false, {}};
  result.passed = within(expectation, readings.range(), kPlain, metric.resolution);
  if (!result.observed) {
    result.reason = readings.absence();
  } else if (!result.passed && readings.lower_bounds > 0 &&
             could_be_met(expectation, readings.range(), kPlain)) {
    result.observed.reset();
    result.reason = readings.bound(metric.unit);
  } else if (!result.passed) {
    result.reason = missed_text(expectation, metric.unit, *result.observed);
  }
  return result;
}

ExpectationResult not_judged(const Expectation& expectation, std::string why) {
  return {expectation, std::nullopt, false, std::move(why)};
}

// The parameters of the cell that an expectation of this cell is against.
std::map<std::string, std::string> other_parameters(const Expectation& expectation,
                                                    const CellResult& cell) {
  auto parameters = cell.parameters;
  for (const auto& [axis, label] : expectation.against) parameters[axis] = label;
  return parameters;
}

// "case=fast, /timing/measure=2s".
std::string text_of(const std::map<std::string, std::string>& labels) {
  std::string text;
  for (const auto& [axis, label] : labels) {
    text += fmt::format("{}{}={}", text.empty() ? "" : ", ", axis, label);
  }
  return text;
}

}  // namespace

std::optional<std::string> fault_of(const Expectation& expectation) {
  if (auto fault = fault_of_metric(expectation.metric, expectation.flow)) return fault;
  const Metric* metric = find_metric(expectation.metric);
  if (!expectation.at_most && !expectation.at_least && !expectation.equals) {
    return fmt::format("{} has no limit: give \"at_most\", \"at_least\" or \"equals\"",
                       metric->name);
  }
  if (expectation.equals && (expectation.at_most || expectation.at_least)) {
    return fmt::format("{} has \"equals\" beside another limit: give it alone", metric->name);
  }
  if (!expectation.against.empty()) {
    if (expectation.quantity != Quantity::number) {
      return fmt::format(
          "against another cell {} takes a plain number: how many times what that cell has",
          metric->name);
    }
  } else if (!fits(expectation.quantity, metric->unit)) {
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
    if (!expectation.against.empty()) continue;
    if (auto fault = fault_of(expectation)) {
      results.push_back(not_judged(expectation, *std::move(fault)));
      continue;
    }
    const Metric& metric = *find_metric(expectation.metric);
    RepetitionView view(repetition, expectation.flow);
    Readings readings;
    readings.add(read_metric(metric, view));
    results.push_back(judge_readings(expectation, metric, readings));
  }
  return results;
}

ExpectationJudge::ExpectationJudge(std::span<const CellResult> cells) {
  for (const auto& cell : cells) cells_.emplace(cell.parameters, &cell);
}

const CellResult* ExpectationJudge::find(
    const std::map<std::string, std::string>& parameters) const {
  const auto found = cells_.find(parameters);
  return found == cells_.end() || found->second->repetitions.empty() ? nullptr : found->second;
}

std::vector<ExpectationResult> ExpectationJudge::judge(std::span<const Expectation> expectations,
                                                       const CellResult& cell) const {
  std::vector<ExpectationResult> results;
  for (const auto& expectation : expectations) {
    if (auto fault = fault_of(expectation)) {
      results.push_back(not_judged(expectation, *std::move(fault)));
    } else if (expectation.against.empty()) {
      const Metric& metric = *find_metric(expectation.metric);
      const auto readings = good_readings(expectation, metric, cell.repetitions);
      results.push_back(readings.empty() ? not_judged(expectation, "no repetition succeeded")
                                         : judge_readings(expectation, metric, readings));
    } else if (const auto other = other_parameters(expectation, cell); other != cell.parameters) {
      results.push_back(judge_against(expectation, cell, other));
    }
  }
  return results;
}

ExpectationResult ExpectationJudge::judge_against(
    const Expectation& expectation, const CellResult& cell,
    const std::map<std::string, std::string>& other) const {
  const auto* base_cell = find(other);
  if (base_cell == nullptr) {
    return not_judged(expectation,
                      fmt::format("the cell with {} was not run: choose it too with --cell",
                                  text_of(expectation.against)));
  }
  const Metric& metric = *find_metric(expectation.metric);
  const auto readings = good_readings(expectation, metric, cell.repetitions);
  const auto base = good_readings(expectation, metric, base_cell->repetitions);
  ExpectationResult result{expectation, std::nullopt, false, {}, base_cell->id};
  if (readings.empty()) {
    result.reason = "no repetition succeeded";
    return result;
  }
  result.observed = readings.observed();
  if (base.empty()) {
    result.reason = fmt::format("no repetition of {} succeeded", base_cell->id);
    return result;
  }
  result.against_observed = base.observed();
  // No metric is below 0, whatever is not known of it.
  auto base_range = base.range();
  base_range.least = std::max(base_range.least, 0.0);
  result.passed = within(expectation, readings.range(), base_range, metric.resolution);
  if (!result.observed) {
    result.reason = readings.absence();
  } else if (!result.against_observed) {
    result.reason = fmt::format("{}: {}", base_cell->id, base.absence());
  } else if (!result.passed && readings.lower_bounds + base.lower_bounds > 0 &&
             could_be_met(expectation, readings.range(), base_range)) {
    if (base.lower_bounds > 0) {
      result.against_observed.reset();
      result.reason = fmt::format("{}: {}", base_cell->id, base.bound(metric.unit));
    }
    if (readings.lower_bounds > 0) {
      result.observed.reset();
      result.reason = readings.bound(metric.unit);
    }
  } else if (!result.passed) {
    result.reason =
        missed_text(expectation, metric.unit, *result.observed, *result.against_observed);
  }
  return result;
}

namespace {

Unit unit_of(const Expectation& expectation) {
  const Metric* metric = find_metric(expectation.metric);
  return metric == nullptr ? Unit::one : metric->unit;
}

}  // namespace

std::string to_text(const Expectation& expectation) {
  const Unit unit = unit_of(expectation);
  const bool factors = !expectation.against.empty();
  std::string limits;
  const auto add = [&](const char* relation, const std::optional<double>& limit) {
    if (!limit) return;
    limits += fmt::format("{} {} {}", limits.empty() ? "" : " and", relation,
                          factors ? fmt::format("{:g}", *limit) : human_value(unit, *limit));
  };
  add("at least", expectation.at_least);
  add("at most", expectation.at_most);
  add("equal to", expectation.equals);
  if (factors) limits += fmt::format(" times that with {}", text_of(expectation.against));
  return fmt::format("{}{}{}{}", expectation.flow, expectation.flow.empty() ? "" : ": ",
                     expectation.metric, limits);
}

std::string command_alone(std::string_view command, std::string_view cell,
                          const ExpectationResult& result) {
  auto alone = fmt::format("{} --cell {}", command, shell_word(cell));
  if (!result.against_cell.empty()) alone += " --cell " + shell_word(result.against_cell);
  return alone;
}

std::string to_text(const ExpectationResult& result) {
  const auto what = to_text(result.expectation);
  const auto outcome = result.passed ? "met" : "missed";
  if (!result.observed || (!result.expectation.against.empty() && !result.against_observed)) {
    return fmt::format("{}: {} ({})", what, outcome, result.reason);
  }
  const Unit unit = unit_of(result.expectation);
  const auto base = result.against_observed
                        ? fmt::format(" against {}", human_value(unit, *result.against_observed))
                        : std::string();
  return fmt::format("{}: {}{}, {}", what, human_value(unit, *result.observed), base, outcome);
}

}  // namespace netstall
