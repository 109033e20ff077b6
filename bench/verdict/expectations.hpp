// What a scenario expects of its figures, and whether they met it.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/report.hpp"
#include "model/scenario.hpp"

namespace netstall {

// What is wrong with an expectation, as a sentence: a metric that the catalogue
// does not have (with the nearest that it has), one that is not measured per flow
// group, a limit in another unit than the metric's, no limit, limits that nothing
// can meet, a factor with a unit. Nothing where it can be judged.
std::optional<std::string> fault_of(const Expectation& expectation);

// Judges each expectation on one repetition's own values, in the order given; those
// against another cell are left out. For information: the cell decides.
std::vector<ExpectationResult> observe(std::span<const Expectation> expectations,
                                       const Repetition& repetition);

// Judges the cells of one campaign. The cells must outlive it. Constant once made.
class ExpectationJudge {
 public:
  explicit ExpectationJudge(std::span<const CellResult> cells);

  // Judges each expectation on the median over the cell's repetitions whose status is
  // ok. What was measured and never happened is 0, and so passes at_most. A repetition
  // that lacks the value counts as the worst that it can have been: the median
  // decides only where no missing value could change the outcome, and then
  // `observed` is absent. Without a good repetition nothing passes, and neither does
  // an expectation that has a fault.
  //
  // Against another cell each limit is a factor of that cell's median, which is found
  // in the same way: whatever missing values were, of either cell, it must hold. No
  // ratio is made, so 0 is no trouble: at most twice nothing is nothing, and at least
  // twice nothing is more than nothing. In that other cell itself the expectation is
  // left out; where it was not run, nothing passes.
  std::vector<ExpectationResult> judge(std::span<const Expectation> expectations,
                                       const CellResult& cell) const;

 private:
  const CellResult* find(const std::map<std::string, std::string>& parameters) const;
  ExpectationResult judge_against(const Expectation& expectation, const CellResult& cell,
                                  const std::map<std::string, std::string>& other) const;

  std::map<std::map<std::string, std::string>, const CellResult*> cells_;
};

// What is expected: "slow: stall.p99 at most 10 ms".
std::string to_text(const Expectation& expectation);

// The command that runs alone what decides this result: the cell, and the one that it is
// against. `command` runs the whole scenario.
std::string command_alone(std::string_view command, std::string_view cell,
                          const ExpectationResult& result);

// One line for people: "slow: stall.p99 at most 10 ms: 204 ms, missed".
std::string to_text(const ExpectationResult& result);

}  // namespace netstall
