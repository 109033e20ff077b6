// From what samples say to a verdict.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/verdict/blocks.hpp"
#include "bench/verdict/measure.hpp"

namespace netstall {
namespace {

// More repetitions than this are no advice.
constexpr std::uint64_t kMostToAdvise = 1000;

std::string percent(double share) {
  return fmt::format("{:.3g} %", share * 100);
}

// What must be passed for a change to matter, as "10 % and 100 us".
std::string smallest_change(const MetricComparison& comparison) {
  const auto absolute = human_value(comparison.metric->unit, comparison.smallest_absolute);
  if (comparison.metric->yes_no) {
    return fmt::format("{} of repetitions", percent(comparison.smallest_absolute));
  }
  return fmt::format("{} and {}", percent(comparison.smallest_relative), absolute);
}

// Decides one metric; `floor` is the smallest p that can pass alone among `tests`.
class Decision {
 public:
  Decision(Measured& measured, std::uint64_t tests, const CompareOptions& options)
      : measured_(measured),
        result_(measured.comparison),
        tests_(static_cast<double>(std::max<std::uint64_t>(tests, 1))),
        options_(options) {}

  void make() {
    switch (measured_.kind) {
      case Measured::Kind::missing:
        return;  // inconclusive, and its reason says what is missing
      case Measured::Kind::same:
        return same();
      case Measured::Kind::counted:
        return counted();
      case Measured::Kind::one_sided:
        return one_sided();
      case Measured::Kind::shifted:
        return shifted();
    }
  }

 private:
  bool significant() const { return result_.q && *result_.q <= options_.level; }

  // Whether so many repetitions can pass the level at all, on their own.
  bool too_few() const { return measured_.floor * tests_ > options_.level; }

  std::uint64_t fewest_that_can_pass() const {
    for (std::uint64_t n = 1; n < kMostToAdvise; ++n) {
      const double floor = options_.design == Design::interleaved
                               ? smallest_p_of_blocks(n / kRepetitionsPerBlock)
                               : smallest_p_of_sittings(n, n);
      if (floor * tests_ <= options_.level) return n;
    }
    return kMostToAdvise;
  }

  void set(Verdict verdict, std::string reason) {
    result_.verdict = verdict;
    result_.reason = std::move(reason);
    const bool higher = result_.metric->direction == Direction::higher_is_better;
    result_.worse = verdict == Verdict::regressed ||
                    verdict == (higher ? Verdict::vanished : Verdict::appeared);
  }

  void undecided_for_cuts() {
    std::string where;
    for (const auto& [name, arm] : {std::pair{"A", result_.a}, std::pair{"B", result_.b}}) {
      if (arm.lower_bounds == 0) continue;
      where += fmt::format("{}{} of {} repetitions of {}", where.empty() ? "" : " and ",
                           arm.lower_bounds, arm.count, name);
    }
    undecided(
        fmt::format("the window's edges cut too much in {}: the true value is larger, which a "
                    "longer window would show",
                    where),
        std::nullopt);
  }

  // Either arm may be larger than it was seen: that nothing changed cannot be told.
  bool cut() const { return result_.a.is_lower_bound() || result_.b.is_lower_bound(); }

  void set_changed(double change) {
    const bool lower = result_.metric->direction == Direction::lower_is_better;
    const auto& larger = change > 0 ? result_.b : result_.a;
    const auto* more =
        larger.is_lower_bound() ? ", and by more than this: the window cut much" : "";
    set((change > 0) == lower ? Verdict::regressed : Verdict::improved,
        fmt::format("q = {:.2g}{}", *result_.q, more));
  }

  void needs_at_least() {
    result_.needed_repetitions = fewest_that_can_pass();
    set(Verdict::inconclusive,
        fmt::format("needs at least {} repetitions a side", *result_.needed_repetitions));
  }

  void undecided(std::string reason, std::optional<std::uint64_t> needed) {
    if (needed && *needed > kMostToAdvise) needed.reset();
    result_.needed_repetitions = needed;
    set(Verdict::inconclusive, std::move(reason));
  }

  std::uint64_t repetitions() const { return std::min(result_.a.count, result_.b.count); }

  // In whole blocks, and more than there are.
  std::uint64_t whole(double count) const {
    const auto most = static_cast<double>(kMostToAdvise + kRepetitionsPerBlock);
    auto needed = static_cast<std::uint64_t>(std::ceil(std::min(count, most)));
    needed = std::max({needed, repetitions() + 1, fewest_that_can_pass()});
    if (options_.design == Design::interleaved) needed += needed % kRepetitionsPerBlock;
    return needed;
  }

  void same() {
    if (result_.a.nonzero == 0) {
      set(Verdict::unchanged, "it happened on neither side");
    } else if (cut()) {
      undecided_for_cuts();
    } else if (too_few()) {
      needs_at_least();
    } else {
      set(Verdict::unchanged, "the same in every repetition");
    }
  }

  void shifted() {
    const auto& zone = measured_.indifference;
    const auto& shift = measured_.log_shift;
    const bool matters = shift.estimate <= zone.down || shift.estimate >= zone.up;
    // Whether the smaller is the smaller more repetitions would not tell.
    if ((shift.estimate > 0 ? result_.a : result_.b).is_lower_bound()) return undecided_for_cuts();
    if (significant() && matters) return set_changed(shift.estimate);
    if (too_few()) return needs_at_least();
    if (shift.interval && shift.interval->low >= zone.down && shift.interval->high <= zone.up) {
      if (cut()) return undecided_for_cuts();
      return set(Verdict::unchanged,
                 fmt::format("the interval lies within {}", smallest_change(result_)));
    }
    undecided(significant() ? fmt::format("there is a change, perhaps a smaller one than {}",
                                          smallest_change(result_))
                            : fmt::format("the interval goes beyond {}", smallest_change(result_)),
              repetitions_for_interval());
  }

  // An interval narrows with the root of the repetitions. How many until it no longer
  // reaches the bound of the zone, or (where the estimate is near it) half the zone?
  std::optional<std::uint64_t> repetitions_for_interval() const {
    const auto& shift = measured_.log_shift;
    if (!shift.interval) return whole(0);
    const bool up = shift.estimate >= 0;
    const double bound = up ? measured_.indifference.up : measured_.indifference.down;
    const double reach =
        up ? shift.estimate - shift.interval->low : shift.interval->high - shift.estimate;
    const double other_reach =
        up ? shift.interval->high - shift.estimate : shift.estimate - shift.interval->low;
    const double room = std::max(std::abs(shift.estimate - bound), std::abs(bound) / 2);
    const double ratio = std::max(reach, other_reach) / room;
    return whole(static_cast<double>(repetitions()) * ratio * ratio);
  }

  void counted() {
    if (significant() && std::abs(*result_.difference) >= result_.smallest_absolute) {
      if (result_.a.nonzero == 0) return appeared_or_vanished(Verdict::appeared);
      if (result_.b.nonzero == 0) return appeared_or_vanished(Verdict::vanished);
      return set_changed(*result_.difference);
    }
    if (too_few()) return needs_at_least();
    const auto& interval = *result_.difference_interval;
    if (interval.low >= -result_.smallest_absolute && interval.high <= result_.smallest_absolute) {
      return set(Verdict::unchanged,
                 fmt::format("the interval lies within {}", smallest_change(result_)));
    }
    undecided(occurrence(), repetitions_for_occurrence());
  }

  void one_sided() {
    const bool in_b = result_.a.nonzero == 0;
    if (measured_.largest < result_.smallest_absolute) {
      if (result_.a.lower_bounds + result_.b.lower_bounds > 0) return undecided_for_cuts();
      return set(Verdict::unchanged,
                 fmt::format("never above {}",
                             human_value(result_.metric->unit, result_.smallest_absolute)));
    }
    if (significant() && measured_.typical >= result_.smallest_absolute) {
      return appeared_or_vanished(in_b ? Verdict::appeared : Verdict::vanished);
    }
    if (too_few()) return needs_at_least();
    undecided(occurrence(), repetitions_for_occurrence());
  }

  std::string occurrence() const {
    return fmt::format("it happened in {} of {} repetitions of A and {} of {} of B",
                       result_.a.nonzero, result_.a.count, result_.b.nonzero, result_.b.count);
  }

  void appeared_or_vanished(Verdict verdict) {
    set(verdict, fmt::format("{}; q = {:.2g}", occurrence(), *result_.q));
  }

  // How many a side until the same shares would pass, were they exactly the same.
  std::optional<std::uint64_t> repetitions_for_occurrence() const {
    const double share_a = Proportion{result_.a.nonzero, result_.a.count}.value();
    const double share_b = Proportion{result_.b.nonzero, result_.b.count}.value();
    for (std::uint64_t n = whole(0); n <= kMostToAdvise; n += kRepetitionsPerBlock) {
      const auto count = static_cast<std::uint32_t>(n);
      const Proportion a{static_cast<std::uint32_t>(std::lround(share_a * count)), count};
      const Proportion b{static_cast<std::uint32_t>(std::lround(share_b * count)), count};
      if (fisher_exact(a, b) * tests_ <= options_.level) return n;
    }
    return std::nullopt;
  }

  Measured& measured_;
  MetricComparison& result_;
  double tests_;
  const CompareOptions& options_;
};

}  // namespace

void decide(Measured& measured, std::uint64_t tests, const CompareOptions& options) {
  Decision(measured, tests, options).make();
}

}  // namespace netstall
