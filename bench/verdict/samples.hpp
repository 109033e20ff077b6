// A report reduced to the numbers that a comparison needs: a value per repetition,
// flow group and metric. A cell at a time, so that reports of any size can be read
// as a stream.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "bench/verdict/comparison.hpp"
#include "bench/verdict/metrics.hpp"
#include "model/report.hpp"

namespace netstall {

// The metrics of a comparison: gating ones decide, reported ones are shown.
struct MetricSelection {
  std::vector<const Metric*> gating;
  std::vector<const Metric*> reported;
};

// The catalogue's, or with names, those as gating ones and the rest of the
// catalogue's gating and reported ones as reported. Throws Error (usage) for a name
// that is not in the catalogue.
MetricSelection select_metrics(std::span<const std::string> gating_names = {});

// What reading these metrics needs of a report. Stalls of the whole repetition are not
// among it: they are compared per flow group.
ReportParts parts_of(const MetricSelection& selection);

// One metric of one flow group, a value for each good repetition.
struct SampleRow {
  const Metric* metric = nullptr;
  std::string flow;  // empty: the whole repetition
  bool gating = false;
  std::vector<std::optional<double>> values = {};
  std::string why_absent = {};     // the first absent one's
  std::uint32_t lower_bounds = 0;  // values that are no more than that
};

struct CellSamples {
  std::string id = {};
  std::map<std::string, std::string> parameters = {};
  std::vector<std::string> flows = {};
  std::vector<std::uint32_t> indices = {};  // of the good repetitions, in the order of values
  std::vector<SampleRow> rows = {};         // the selection's, in its order; gating ones first
  std::vector<DroppedRepetition> dropped = {};
};

// Throws Error (usage) where two repetitions have the same index, or two flow groups of
// one the same name.
CellSamples samples_of(const CellResult& cell, const MetricSelection& selection);

struct ReportSamples {
  std::string name;  // for people, as the report's file name
  Environment environment;
  std::string scenario_hash;
  std::vector<CellSamples> cells;
};

ReportSamples samples_of(const Report& report, std::string name, const MetricSelection& selection);

}  // namespace netstall
