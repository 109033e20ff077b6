#include "bench/verdict/rank_distribution.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace netstall {

std::vector<DoubledRank> doubled_midranks(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(),
            [&](std::size_t left, std::size_t right) { return values[left] < values[right]; });
  std::vector<DoubledRank> ranks(values.size());
  for (std::size_t first = 0; first < order.size();) {
    std::size_t end = first + 1;
    while (end < order.size() && values[order[end]] == values[order[first]]) ++end;
    for (std::size_t i = first; i < end; ++i) {
      ranks[order[i]] = static_cast<DoubledRank>(first + 1 + end);
    }
    first = end;
  }
  return ranks;
}

std::vector<DoubledRank> doubled_ranks_untied(std::size_t count) {
  std::vector<DoubledRank> ranks(count);
  for (std::size_t i = 0; i < count; ++i) ranks[i] = static_cast<DoubledRank>(2 * (i + 1));
  return ranks;
}

double RankDistribution::at_or_below(std::uint64_t sum) const {
  if (sum < least) return 0;
  const auto count = std::min<std::uint64_t>(sum - least + 1, probability.size());
  return std::accumulate(probability.begin(),
                         probability.begin() + static_cast<std::ptrdiff_t>(count), 0.0);
}

double RankDistribution::at_or_above(std::uint64_t sum) const {
  const auto skipped = sum <= least ? 0 : std::min<std::uint64_t>(sum - least, probability.size());
  return std::accumulate(probability.rbegin(),
                         probability.rend() - static_cast<std::ptrdiff_t>(skipped), 0.0);
}

namespace {

// Of a block, whose few choices are counted one by one: what sum_of_chosen() does,
// several times as fast.
RankDistribution sum_of_few_chosen(std::span<const DoubledRank> sorted, std::uint64_t least,
                                   std::uint64_t most, std::size_t chosen) {
  RankDistribution distribution{least, std::vector<double>(most - least + 1)};
  const double one = one_choice(sorted.size(), chosen);
  for (unsigned choice = 0; choice < 1U << sorted.size(); ++choice) {
    if (static_cast<std::size_t>(std::popcount(choice)) != chosen) continue;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < sorted.size(); ++i)
      sum += std::uint64_t{choice >> i & 1} * sorted[i];
    distribution.probability[sum - least] += one;
  }
  return distribution;
}

}  // namespace

RankDistribution sum_of_chosen(std::span<const DoubledRank> ranks, std::size_t chosen) {
  constexpr std::size_t kFew = 4;
  std::vector<DoubledRank> sorted(ranks.begin(), ranks.end());
  std::sort(sorted.begin(), sorted.end());
  const auto split = static_cast<std::ptrdiff_t>(chosen);
  const auto least = std::accumulate(sorted.begin(), sorted.begin() + split, std::uint64_t{0});
  const auto most = std::accumulate(sorted.end() - split, sorted.end(), std::uint64_t{0});
  if (sorted.size() <= kFew) return sum_of_few_chosen(sorted, least, most, chosen);
  // share[k][s]: of all choices, those that begin with some k of the ranks seen so
  // far, of sum s, count as one choice each. Shares and not counts, so that no
  // number of repetitions overflows.
  const std::size_t width = most + 1;
  std::vector<double> share((chosen + 1) * width);
  share[0] = one_choice(sorted.size(), chosen);
  std::uint64_t reach = 0;
  for (std::size_t seen = 0; seen < sorted.size(); ++seen) {
    const std::uint64_t rank = sorted[seen];
    reach = std::min(reach + rank, most);
    for (std::size_t k = std::min(seen + 1, chosen); k > 0; --k) {
      double* const to = &share[k * width];
      const double* const from = &share[(k - 1) * width];
      for (std::uint64_t sum = rank; sum <= reach; ++sum) to[sum] += from[sum - rank];
    }
  }
  const double* const complete = &share[chosen * width];
  return {least, std::vector<double>(complete + least, complete + width)};
}

RankDistribution sum_of(const RankDistribution& left, const RankDistribution& right) {
  RankDistribution sum{left.least + right.least,
                       std::vector<double>(left.probability.size() + right.probability.size() - 1)};
  for (std::size_t i = 0; i < right.probability.size(); ++i) {
    if (right.probability[i] == 0) continue;
    for (std::size_t j = 0; j < left.probability.size(); ++j) {
      sum.probability[i + j] += right.probability[i] * left.probability[j];
    }
  }
  return sum;
}

double RankDistribution::two_sided_at(std::uint64_t sum) const {
  return two_sided(at_or_below(sum), at_or_above(sum));
}

double two_sided(double one_tail, double other_tail) {
  return std::min(1.0, 2 * std::min(one_tail, other_tail));
}

double one_choice(std::uint64_t n, std::uint64_t k) {
  double probability = 1;
  for (std::uint64_t i = 1; i <= k; ++i) {
    probability *= static_cast<double>(i) / static_cast<double>(n - k + i);
  }
  return probability;
}

}  // namespace netstall
