// What a scenario expects of its figures, and whether they met it.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// What is wrong with an expectation, as a sentence: a metric that the catalogue
// does not have (with the nearest that it has), one that is not measured per flow
// group, a limit in another unit than the metric's, no limit, limits that nothing
// can meet. Nothing where it can be judged.
std::optional<std::string> fault_of(const Expectation& expectation);

// Judges each expectation on one repetition's own values, in the order given.
// For information: the cell decides.
std::vector<ExpectationResult> observe(std::span<const Expectation> expectations,
                                       const Repetition& repetition);

// Judges each expectation on the median over the repetitions whose status is ok.
// What was measured and never happened is 0, and so passes at_most. A repetition
// that lacks the value counts as the worst that it can have been: the median
// decides only where no missing value could change the outcome, and then
// `observed` is absent. Without a good repetition nothing passes, and neither does
// an expectation that has a fault.
std::vector<ExpectationResult> judge(std::span<const Expectation> expectations,
                                     std::span<const Repetition> repetitions);

// What is expected: "slow: stall.p99 at most 10 ms".
std::string to_text(const Expectation& expectation);

// One line for people: "slow: stall.p99 at most 10 ms: 204 ms, missed".
std::string to_text(const ExpectationResult& result);

}  // namespace netstall
