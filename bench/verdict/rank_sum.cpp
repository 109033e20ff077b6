#include "bench/verdict/rank_sum.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace netstall {
namespace {

constexpr double kLevel = 0.05;
constexpr double kNormal975 = 1.959963984540054;
// Distributions kept at once; of 12 + 12 repetitions each takes 5 kB.
constexpr std::size_t kMostKept = 4096;

double rounded(double value) {
  return std::round(value * 1e10) / 1e10;
}

// b - a of all pairs, in rising order.
std::vector<double> differences(const std::vector<double>& a, const std::vector<double>& b) {
  std::vector<double> all;
  all.reserve(a.size() * b.size());
  for (const double x : a) {
    for (const double y : b) all.push_back(y - x);
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::vector<double> joined(const Strata& strata, std::vector<double> Stratum::*arm) {
  std::vector<double> values;
  for (const auto& stratum : strata) {
    values.insert(values.end(), (stratum.*arm).begin(), (stratum.*arm).end());
  }
  return values;
}

}  // namespace

std::vector<double> all_a(const Strata& strata) {
  return joined(strata, &Stratum::a);
}
std::vector<double> all_b(const Strata& strata) {
  return joined(strata, &Stratum::b);
}

// The values of all strata in one row, a's before b's in each.
struct RankTests::Row {
  struct Part {
    std::size_t begin = 0;
    std::size_t end_of_a = 0;
    std::size_t end = 0;
    std::size_t count() const { return end - begin; }
    std::size_t chosen() const { return end_of_a - begin; }
  };
  std::vector<double> values;
  std::vector<Part> parts;

  explicit Row(const Strata& strata) {
    for (const auto& stratum : strata) {
      Part part{.begin = values.size()};
      values.insert(values.end(), stratum.a.begin(), stratum.a.end());
      part.end_of_a = values.size();
      values.insert(values.end(), stratum.b.begin(), stratum.b.end());
      part.end = values.size();
      parts.push_back(part);
    }
  }

  // Takes `shift` off b's values and then each part's level off all of its values: the
  // median of the part and of those beside it.
  void align(double shift) {
    for (const auto& part : parts) {
      for (auto i = part.end_of_a; i < part.end; ++i) values[i] -= shift;
    }
    std::vector<double> levels;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const auto begin = parts[k == 0 ? 0 : k - 1].begin;
      const auto end = parts[std::min(k + 1, parts.size() - 1)].end;
      levels.push_back(median(std::span(values).subspan(begin, end - begin)));
    }
    for (std::size_t k = 0; k < parts.size(); ++k) {
      for (auto i = parts[k].begin; i < parts[k].end; ++i) {
        values[i] = rounded(values[i] - levels[k]);
      }
    }
  }
};

// Their ranks, in the same places.
struct RankTests::Ranked {
  std::vector<Row::Part> parts;
  std::vector<DoubledRank> ranks;
  std::uint64_t sum_of_a = 0;

  explicit Ranked(const Row& row) : parts(row.parts), ranks(doubled_midranks(row.values)) {
    for (const auto& part : parts) {
      const auto mine = of(part);
      sum_of_a = std::accumulate(
          mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(part.chosen()), sum_of_a);
    }
  }
  std::span<const DoubledRank> of(const Row::Part& part) const {
    return {ranks.data() + part.begin, part.count()};
  }
  double mean(const Row::Part& part) const {
    const auto mine = of(part);
    return std::accumulate(mine.begin(), mine.end(), 0.0) / static_cast<double>(part.count());
  }
  // By how much a's sum is above its mean over all exchanges.
  double excess() const {
    auto above = static_cast<double>(sum_of_a);
    for (const auto& part : parts) above -= static_cast<double>(part.chosen()) * mean(part);
    return above;
  }
};

Strata aligned(const Strata& strata) {
  RankTests::Row row(strata);
  row.align(0);
  Strata result;
  const auto at = [&](std::size_t i) {
    return row.values.begin() + static_cast<std::ptrdiff_t>(i);
  };
  for (const auto& part : row.parts) {
    result.push_back({{at(part.begin), at(part.end_of_a)}, {at(part.end_of_a), at(part.end)}});
  }
  return result;
}

// The normal approximation of a's sum, corrected for ties and continuity.
double RankTests::normal_p(const Ranked& ranked) {
  double variance = 0;
  for (const auto& part : ranked.parts) {
    const auto count = static_cast<double>(part.count());
    const auto chosen = static_cast<double>(part.chosen());
    const double centre = ranked.mean(part);
    double squares = 0;
    for (const auto rank : ranked.of(part)) squares += (rank - centre) * (rank - centre);
    variance += chosen * (count - chosen) / (count * (count - 1)) * squares;
  }
  if (!(variance > 0)) return 1;
  // Half a rank, doubled as the ranks are, corrects for continuity.
  const double distance = std::max(0.0, std::abs(ranked.excess()) - 1);
  return std::min(1.0, std::erfc(distance / std::sqrt(2 * variance)));
}

std::shared_ptr<const RankDistribution> RankTests::chosen_of(std::span<const DoubledRank> ranks,
                                                             std::size_t chosen) {
  std::pair key(std::vector(ranks.begin(), ranks.end()), chosen);
  std::sort(key.first.begin(), key.first.end());
  const auto found = kept_.find(key);
  if (found != kept_.end()) return found->second;
  if (kept_.size() >= kMostKept) kept_.clear();
  auto made = std::make_shared<const RankDistribution>(sum_of_chosen(ranks, chosen));
  kept_.emplace(std::move(key), made);
  return made;
}

double RankTests::p_value(const Row& row) {
  Ranked ranked(row);
  const auto large = [](const Row::Part& part) { return part.count() > kMostForExact; };
  if (std::any_of(ranked.parts.begin(), ranked.parts.end(), large)) return normal_p(ranked);
  if (ranked.parts.size() == 1) {
    return chosen_of(ranked.ranks, ranked.parts[0].chosen())->two_sided_at(ranked.sum_of_a);
  }
  // Without ties all doubled ranks are even: half of them say the same at half the cost.
  const bool even = std::none_of(ranked.ranks.begin(), ranked.ranks.end(),
                                 [](DoubledRank rank) { return rank % 2 != 0; });
  const DoubledRank unit = even ? 2 : 1;
  for (auto& rank : ranked.ranks) rank /= unit;
  RankDistribution total;
  for (const auto& part : ranked.parts) {
    total = sum_of(total, sum_of_chosen(ranked.of(part), part.chosen()));
  }
  return total.two_sided_at(ranked.sum_of_a / unit);
}

double RankTests::p_value(const Strata& strata) {
  return p_value(Row(strata));
}

double RankTests::smallest_p_value(const Strata& strata) {
  // The probability of the least and of the largest sum: of each part, the number
  // of choices with that sum is the number of ways to choose among ties at its edge.
  double least = 1;
  double most = 1;
  const Ranked ranked{Row(strata)};
  for (const auto& part : ranked.parts) {
    const auto mine = ranked.of(part);
    std::vector<DoubledRank> sorted(mine.begin(), mine.end());
    const auto at_edge = [&](auto before) {
      std::sort(sorted.begin(), sorted.end(), before);
      const auto edge = sorted[part.chosen() - 1];
      const auto [first, end] = std::equal_range(sorted.begin(), sorted.end(), edge, before);
      const auto ties = static_cast<std::uint64_t>(end - first);
      const auto inside = part.chosen() - static_cast<std::uint64_t>(first - sorted.begin());
      return one_choice(part.count(), part.chosen()) / one_choice(ties, inside);
    };
    least *= at_edge(std::less<>());
    most *= at_edge(std::greater<>());
  }
  return two_sided(least, most);
}

// Of the sorted differences of a and b repetitions, how many lie outside the
// interval at each end (Bauer 1972): the largest k with P(U <= k - 1) <= 2.5 %.
std::size_t RankTests::differences_outside(std::size_t a, std::size_t b) {
  const auto pairs = static_cast<double>(a * b);
  if (a + b > kMostForExact) {
    const double reach = kNormal975 * std::sqrt(pairs * static_cast<double>(a + b + 1) / 12);
    return static_cast<std::size_t>(std::max(0.0, std::floor(pairs / 2 - reach)));
  }
  const auto distribution = chosen_of(doubled_ranks_untied(a + b), a);
  std::size_t outside = 0;
  // Untied sums of doubled ranks go in steps of two, U in steps of one.
  double tail = 0;
  for (std::size_t u = 0; 2 * u < distribution->probability.size(); ++u) {
    tail += distribution->probability[2 * u];
    if (tail > kLevel / 2) break;
    outside = u + 1;
  }
  return outside;
}

Shift RankTests::shift(const Stratum& sittings) {
  const auto sorted = differences(sittings.a, sittings.b);
  Shift shift{.estimate = median(sorted)};
  const auto outside = differences_outside(sittings.a.size(), sittings.b.size());
  if (outside > 0) shift.interval = {sorted[outside - 1], sorted[sorted.size() - outside]};
  return shift;
}

namespace {

// Between a shift for which `holds` is false and one for which it is true, the place
// where that changes, to a millionth of the values' logarithm.
template <class Holds>
double turning_point(double without, double with, Holds holds) {
  while (std::abs(with - without) > 1e-6) {
    const double middle = without + (with - without) / 2;
    (holds(middle) ? with : without) = middle;
  }
  return without + (with - without) / 2;
}

}  // namespace

Shift RankTests::shift_within_blocks(const Strata& blocks) {
  double least = 0;
  double most = 0;
  for (const auto& block : blocks) {
    const auto within = differences(block.a, block.b);
    least = std::min(least, within.front());
    most = std::max(most, within.back());
  }
  // So far away that all of b lies beyond all of a, in every block and between them.
  const double low = least - 1 - 2 * (most - least);
  const double high = most + 1 + 2 * (most - least);
  const Row unshifted(blocks);
  Row row = unshifted;
  const auto shifted = [&](double by) -> const Row& {
    row.values = unshifted.values;
    row.align(by);
    return row;
  };
  // Where a's ranks have as large a sum as chance gives it, or the middle of there.
  const auto excess = [&](double by) { return Ranked(shifted(by)).excess(); };
  const double from = turning_point(low, high, [&](double by) { return excess(by) >= 0; });
  const double to = turning_point(high, low, [&](double by) { return excess(by) <= 0; });
  Shift shift{.estimate = from + (to - from) / 2};
  const auto accepts = [&](double by) { return p_value(shifted(by)) > kLevel; };
  if (accepts(low) || accepts(high)) return shift;
  // Arms so full of ties that the sum jumps over all that the test accepts: one point.
  if (!accepts(shift.estimate)) {
    shift.interval = {shift.estimate, shift.estimate};
    return shift;
  }
  shift.interval = {turning_point(low, shift.estimate, accepts),
                    turning_point(high, shift.estimate, accepts)};
  return shift;
}

double smallest_p_of_sittings(std::uint64_t a, std::uint64_t b) {
  return std::min(1.0, 2 * one_choice(a + b, a));
}

double smallest_p_of_blocks(std::uint64_t blocks) {
  return std::min(1.0, 2 * std::pow(one_choice(4, 2), static_cast<double>(blocks)));
}

}  // namespace netstall
