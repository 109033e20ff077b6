#include "bench/verdict/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace netstall {
namespace {

// The 97.5th percentile of the normal distribution.
constexpr double kNormal975 = 1.959963984540054;

double log_choose(std::uint32_t n, std::uint32_t k) {
  return std::lgamma(n + 1.0) - std::lgamma(k + 1.0) - std::lgamma(n - k + 1.0);
}

Interval wilson_interval(Proportion share) {
  const double n = share.of;
  const double p = share.value();
  const double z = kNormal975;
  const double centre = 2 * n * p + z * z;
  const double reach = z * std::sqrt(z * z + 4 * n * p * (1 - p));
  const double scale = 2 * (n + z * z);
  return {std::max(0.0, (centre - reach) / scale), std::min(1.0, (centre + reach) / scale)};
}

}  // namespace

double median(std::span<const double> values) {
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double low = sorted[(sorted.size() - 1) / 2];
  const double high = sorted[sorted.size() / 2];
  // Equal ones first: infinities have no mean.
  return low == high ? low : low / 2 + high / 2;
}

std::optional<Interval> median_interval(std::span<const double> values) {
  const auto n = static_cast<std::uint32_t>(values.size());
  // So many at each end are left out; the interval misses where no more than those lie on
  // one side of the median.
  std::uint32_t out = 0;
  double missed = 0;
  while (out < n) {
    const double more = 2 * std::exp(log_choose(n, out) - n * std::log(2.0));
    if (missed + more > 0.05) break;
    missed += more;
    ++out;
  }
  if (out == 0) return std::nullopt;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return Interval{sorted[out - 1], sorted[n - out]};
}

double cliffs_delta(std::span<const double> a, std::span<const double> b) {
  std::int64_t above = 0;
  for (const double x : a) {
    for (const double y : b) above += (y > x) - (y < x);
  }
  return static_cast<double>(above) /
         (static_cast<double>(a.size()) * static_cast<double>(b.size()));
}

std::vector<double> benjamini_hochberg(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t left, std::size_t right) { return p[left] > p[right]; });
  std::vector<double> adjusted(p.size());
  double least = 1;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const auto rank = static_cast<double>(order.size() - i);
    least = std::min(least, p[order[i]] * static_cast<double>(order.size()) / rank);
    adjusted[order[i]] = least;
  }
  return adjusted;
}

double fisher_exact(Proportion a, Proportion b) {
  const std::uint32_t yes = a.yes + b.yes;
  const auto log_probability = [&](std::uint32_t in_a) {
    return log_choose(a.of, in_a) + log_choose(b.of, yes - in_a) - log_choose(a.of + b.of, yes);
  };
  const double observed = std::exp(log_probability(a.yes));
  double total = 0;
  for (std::uint32_t in_a = yes > b.of ? yes - b.of : 0; in_a <= std::min(yes, a.of); ++in_a) {
    const double probability = std::exp(log_probability(in_a));
    if (probability <= observed * (1 + 1e-7)) total += probability;
  }
  return std::min(total, 1.0);
}

Interval newcombe_interval(Proportion a, Proportion b) {
  const auto in_a = wilson_interval(a);
  const auto in_b = wilson_interval(b);
  const double difference = b.value() - a.value();
  return {difference - std::hypot(b.value() - in_b.low, in_a.high - a.value()),
          difference + std::hypot(in_b.high - b.value(), a.value() - in_a.low)};
}

}  // namespace netstall
