// What comparing two arms gives: plain data, for whoever shows, exports or acts on
// it. compare.hpp makes it.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/verdict/metrics.hpp"
#include "bench/verdict/statistics.hpp"
#include "model/names.hpp"

namespace netstall {

enum class Verdict : std::uint8_t {
  regressed,
  appeared,  // it never happened in A
  vanished,  // it never happens in B
  inconclusive,
  improved,
  unchanged
};

template <>
struct Names<Verdict> {
  static constexpr std::array<std::string_view, 6> list{"regressed",    "appeared", "vanished",
                                                        "inconclusive", "improved", "unchanged"};
};

// How the repetitions were taken.
enum class Design : std::uint8_t {
  two_sittings,  // all of A, then all of B: what drifted between them looks like a change
  interleaved    // blocks of both (blocks.hpp): drift between blocks is taken out
};

template <>
struct Names<Design> {
  static constexpr std::array<std::string_view, 2> list{"two_sittings", "interleaved"};
};

// The values of one arm.
struct ArmSummary {
  std::uint32_t count = 0;    // values that were used
  std::uint32_t nonzero = 0;  // of them
  double median = 0;
  std::uint32_t lower_bounds = 0;  // of them: the true value may be larger
  bool is_lower_bound() const { return netstall::is_lower_bound(lower_bounds, count); }
};

// One metric of one flow group in one cell. Figures of b against a; an absent one
// cannot be told.
struct MetricComparison {
  const Metric* metric = nullptr;  // in the catalogue: never null
  std::string flow;                // empty: the whole repetition
  bool gating = false;
  Verdict verdict = Verdict::inconclusive;
  bool worse = false;  // a change for the worse, whatever the verdict's name
  std::string reason;  // one clause: what the verdict rests on, or what is missing

  ArmSummary a;
  ArmSummary b;
  // b / a, with a 95 % interval; absent where either is mostly 0: no ratio over 0.
  std::optional<double> ratio;
  std::optional<Interval> ratio_interval;
  // b - a in the metric's unit, with the same interval; for a yes_no metric of the
  // shares of repetitions.
  std::optional<double> difference;
  std::optional<Interval> difference_interval;
  std::optional<double> cliffs_delta;
  std::optional<double> p;
  std::optional<double> q;  // p, adjusted for all gating (or all reported) metrics
  // What was taken for the smallest change that matters.
  double smallest_relative = 0;
  double smallest_absolute = 0;
  // Where inconclusive: repetitions a side that would probably decide it. Absent
  // where no number would, or data is missing.
  std::optional<std::uint64_t> needed_repetitions;
};

struct DroppedRepetition {
  bool in_b = false;
  std::uint32_t index = 0;
  Status status = Status::failed;
  std::string reason;
};

struct CellComparison {
  std::string id = {};
  std::map<std::string, std::string> parameters = {};
  std::uint32_t repetitions_a = 0;  // good ones
  std::uint32_t repetitions_b = 0;
  std::vector<DroppedRepetition> dropped = {};
  std::vector<MetricComparison> metrics = {};  // gating ones first
  // "slow: stall.p99": gating metrics that neither side measured: no verdict of them.
  std::vector<std::string> not_measured = {};
  std::vector<std::string> flows_only_a = {};
  std::vector<std::string> flows_only_b = {};
};

// A fact of the environment in which the sides differ; absent: not known there.
struct EnvironmentDifference {
  std::string fact;
  std::optional<std::string> a;
  std::optional<std::string> b;
};

enum class Outcome : std::uint8_t { ok, worse, inconclusive };

template <>
struct Names<Outcome> {
  static constexpr std::array<std::string_view, 3> list{"ok", "worse", "inconclusive"};
};

struct Comparison {
  Design design = Design::two_sittings;
  std::string name_a;
  std::string name_b;
  double level = 0.05;
  std::uint64_t tests = 0;  // gating ones that could reach the level: what q allows for
  std::vector<EnvironmentDifference> environment;  // that were allowed
  std::vector<CellComparison> cells;
  std::vector<std::string> cells_only_a;
  std::vector<std::string> cells_only_b;
  // What a reader must know beside the figures, as sentences.
  std::vector<std::string> notes;

  // How many gating metrics have this verdict.
  std::size_t count(Verdict verdict) const;
  // worse: a gating metric changed for the worse. inconclusive: none did, but one
  // could not be decided, or something had no counterpart or no measurement.
  Outcome outcome() const;
};

}  // namespace netstall
