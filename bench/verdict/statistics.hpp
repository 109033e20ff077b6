// Small statistics over the repetitions of a cell. No random numbers: the same
// samples always give the same figures.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace netstall {

// The middle value, or the mean of the two middle ones. `values` is not empty.
double median(std::span<const double> values);

// Cliff's delta: the share of pairs in which b is above a, less the share in which
// it is below: -1 to 1. Neither is empty.
double cliffs_delta(std::span<const double> a, std::span<const double> b);

// Benjamini and Hochberg's adjusted p values (1995), in the order given: those at or
// below a level control the false discovery rate at it.
std::vector<double> benjamini_hochberg(std::span<const double> p);

// How many of so many repetitions were a yes.
struct Proportion {
  std::uint32_t yes = 0;
  std::uint32_t of = 0;
  double value() const { return static_cast<double>(yes) / static_cast<double>(of); }
};

// Fisher's exact test, two-sided: the probability of all tables with these margins
// that are no more probable than this one (within 1e-7, as R and SciPy do it).
double fisher_exact(Proportion a, Proportion b);

struct Interval {
  double low = 0;
  double high = 0;
};

// The narrowest interval between two of the values that covers the median of what they
// are drawn from in at least 95 of 100 cases, whatever its distribution (order statistics,
// binomial). Nothing for fewer than six.
std::optional<Interval> median_interval(std::span<const double> values);

// Newcombe's interval for b - a of two proportions, at 95 % (method 10 of 1998, from
// Wilson's score intervals). Not exact, but it covers well at small numbers.
Interval newcombe_interval(Proportion a, Proportion b);

}  // namespace netstall
