// The exact distribution of a sum of ranks when the arms are exchanged at random.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace netstall {

// Ranks times two, so that the shared rank of ties is a whole number.
using DoubledRank = std::uint32_t;

std::vector<DoubledRank> doubled_midranks(std::span<const double> values);
// Those of so many values without a tie: 2, 4, 6, …
std::vector<DoubledRank> doubled_ranks_untied(std::size_t count);

// Probabilities of a sum of doubled ranks, from the least possible sum on.
struct RankDistribution {
  std::uint64_t least = 0;
  std::vector<double> probability{1.0};

  double at_or_below(std::uint64_t sum) const;
  double at_or_above(std::uint64_t sum) const;
  // Twice the smaller tail, at most 1.
  double two_sided_at(std::uint64_t sum) const;
};

// Of the sum of `chosen` of these ranks, every choice being as likely. Takes time
// and memory of chosen times the largest sum.
RankDistribution sum_of_chosen(std::span<const DoubledRank> ranks, std::size_t chosen);

// Of the sum of two independent sums.
RankDistribution sum_of(const RankDistribution& left, const RankDistribution& right);

// Twice the smaller of two tails, at most 1.
double two_sided(double one_tail, double other_tail);

// The probability of one given choice of k among n.
double one_choice(std::uint64_t n, std::uint64_t k);

}  // namespace netstall
