#include "bench/verdict/precision.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "bench/verdict/metrics.hpp"
#include "bench/verdict/statistics.hpp"

namespace netstall {
namespace {

// Half of the interval as a share of the median; nothing where there is no share.
std::optional<double> reach_of(const PrecisionResult& result) {
  if (!result.median || !result.low) return std::nullopt;
  const double half = (*result.high - *result.low) / 2;
  if (half == 0) return 0;
  if (*result.median == 0) return std::nullopt;
  return half / std::abs(*result.median);
}

}  // namespace

std::optional<std::string> fault_of(const Precision& asked) {
  return fault_of_metric(asked.metric, asked.flow);
}

PrecisionResult judge_precision(const Precision& asked, const CellResult& cell) {
  const Metric& metric = *find_metric(asked.metric);
  std::vector<double> values;
  bool all = true;
  std::size_t lower_bounds = 0;
  for (const auto& repetition : cell.repetitions) {
    if (repetition.status != Status::ok) continue;
    RepetitionView view(repetition, asked.flow);
    const auto reading = read_metric(metric, view);
    if (reading.value) values.push_back(*reading.value);
    all = all && reading.value;
    if (reading.lower_bound) ++lower_bounds;
  }
  PrecisionResult result{asked, static_cast<std::uint32_t>(values.size()), {}, {}, {}, false};
  if (values.empty()) return result;
  result.median = median(values);
  if (const auto interval = median_interval(values)) {
    result.low = interval->low;
    result.high = interval->high;
  }
  const auto reach = reach_of(result);
  // What windows cut scatters less than it would whole.
  const bool cut = is_lower_bound(lower_bounds, values.size());
  result.reached = all && !cut && reach && *reach <= asked.within;
  return result;
}

std::string to_text(const PrecisionResult& result) {
  const Metric* metric = find_metric(result.asked.metric);
  const auto unit = metric == nullptr ? Unit::one : metric->unit;
  auto text = fmt::format("{}{}{}: ", result.asked.flow, result.asked.flow.empty() ? "" : ": ",
                          result.asked.metric);
  if (!result.median) return text + "no repetition has a value";
  text += human_value(unit, *result.median);
  if (!result.low) {
    return text +
           fmt::format(", no interval: {} of its repetitions have a value, six are the fewest",
                       result.repetitions);
  }
  text += fmt::format(", 95 % between {} and {}", human_value(unit, *result.low),
                      human_value(unit, *result.high));
  if (const auto reach = reach_of(result)) text += fmt::format(" (±{:.1f} %)", 100 * *reach);
  return text + fmt::format(", {} ±{:g} %, after {} repetitions",
                            result.reached ? "within" : "not within", 100 * result.asked.within,
                            result.repetitions);
}

}  // namespace netstall
