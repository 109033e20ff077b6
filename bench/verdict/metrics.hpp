// The metrics catalogue: every figure that an expectation, a comparison or an
// exporter may name, with its unit, its direction, and how much of a change
// matters. docs/metrics.md is made from it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "bench/verdict/repetition_view.hpp"
#include "model/report.hpp"
#include "model/report_parts.hpp"

namespace netstall {

enum class Unit : std::uint8_t { one, ns, bytes, bytes_per_s, per_s };
// "1", "ns", "bytes", "bytes_per_s", "per_s".
std::string_view name_of(Unit unit);

enum class Direction : std::uint8_t { lower_is_better, higher_is_better };

// What a metric can be read of: flow groups and the whole repetition, or that alone.
enum class Scope : std::uint8_t { any, whole };

// Whether the window's edges cut so many of these events that the percentiles of their
// durations, which count with what lies within it, are but lower bounds.
constexpr double kMostCut = 0.1;
// Some are cut, and this share of the window is as long as they are: so is a fifth of them.
constexpr double kLongestShare = 0.1;
constexpr bool cut_too_much(std::uint64_t cut, std::uint64_t events) {
  return static_cast<double>(cut) > kMostCut * static_cast<double>(events);
}
// Whether so many of a cell's values are lower bounds that its median, and what tests make
// of the ranks, may be larger.
constexpr bool is_lower_bound(std::uint64_t lower_bounds, std::uint64_t values) {
  return 4 * lower_bounds > values;
}

// What one repetition says of one metric.
struct Reading {
  // Absent: not measured. What was measured and never happened (no stall) is 0;
  // a latency of which there is no single event is absent, not 0.
  std::optional<double> value = {};
  // A percentile with fewer than ten events beyond it is absent; it lies between
  // the smallest and the largest event all the same.
  std::optional<double> at_least = {};
  std::optional<double> at_most = {};
  // The window's edges cut so much of what it is of that the true value may be larger.
  bool lower_bound = false;
  // Why there is no value, as "no probe measured stalls"; empty where there is one.
  std::string why_absent = {};
};

// Its part in a comparison, unless the user names other metrics.
enum class Role : std::uint8_t {
  gating,    // decides the outcome
  reported,  // is compared and shown
  named      // is compared only where it is named
};
std::string_view name_of(Role role);  // "gating", "reported", "named"

struct Metric {
  std::string name = {};  // as "stall.mem_shortage.p99"
  Unit unit = Unit::one;
  Direction direction = Direction::lower_is_better;
  Scope scope = Scope::any;
  Role role = Role::named;
  bool yes_no = false;           // 0 or 1 a repetition: compared as a proportion of repetitions
  double resolution = 0;         // in the unit: what cannot be told apart
  double smallest_relative = 0;  // a smaller change does not matter: 0.1 is 10 %
  double smallest_absolute = 0;  // nor does one below this, in the unit
  ReportParts parts = {};        // of a report, beyond its plain figures, that it reads
  std::string meaning = {};      // one sentence
  // Reads it off a view that exists() and is within the scope; use read_metric().
  std::function<Reading(RepetitionView&)> read = {};
};

// The whole catalogue, in the order of docs/metrics.md.
std::span<const Metric> metrics();

// Null for a name that is not in the catalogue.
const Metric* find_metric(std::string_view name);

// The nearest name in the catalogue, or empty where none is near.
std::string nearest_metric(std::string_view name);

// Why a scenario cannot name this metric, with a flow group or without one (empty), as a
// sentence; nothing where it can.
std::optional<std::string> fault_of_metric(std::string_view name, std::string_view flow);

// Never throws for what a repetition lacks: that is a Reading without a value.
Reading read_metric(const Metric& metric, RepetitionView& view);

// The value alone, of a flow group or (empty name) of the whole; nothing too for a
// name that is not in the catalogue. To read many metrics keep a RepetitionView.
std::optional<double> metric_value(const Repetition& repetition, std::string_view flow,
                                   std::string_view metric);

// A value with its unit, for people: "204 ms", "1.23 GB/s", "12".
std::string human_value(Unit unit, double value);

// The text of docs/metrics.md.
std::string metrics_markdown();

}  // namespace netstall
