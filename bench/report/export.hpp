// A report in the formats of other tools, a cell at a time, so that a report of any
// size costs the memory of one cell. One file per format (export_csv.cpp, ...) and
// one row in the table of export.cpp.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/verdict/samples.hpp"
#include "model/report.hpp"
#include "model/report_parts.hpp"

namespace netstall {

// Takes the next piece of the exported text.
using ExportWrite = std::function<void(std::string_view)>;

// What a report says before its cells.
struct ExportHead {
  Tool tool = {};
  Environment environment = {};
  std::string scenario = {};  // its name
  std::string scenario_hash = {};
  std::uint64_t seed = 0;
  std::string started_at = {};
  std::string command = {};  // that runs the scenario again, as well as is known
};
// All of a report but its cells.
ExportHead export_head(const Report& report);

// One cell: the figures of its good repetitions, and itself for what is no metric.
struct ExportCell {
  const CellResult& result;
  const CellSamples& samples;
};

// What a cell's good repetitions say of one metric together: the median, and of
// which repetitions it is. A yes-or-no metric gives the share that said yes.
struct ExportFigure {
  double value = 0;
  double lowest = 0;
  double highest = 0;
  std::size_t repetitions = 0;
};
// Absent where a good repetition lacks the value: a median of the others would be of
// those alone in which enough happened.
std::optional<ExportFigure> figure_of(const SampleRow& row);

// Writes one format. begin(), then cell() for each, then end(); what it is given is
// gone after the call. Not thread-safe.
class Exporter {
 public:
  virtual ~Exporter() = default;
  virtual void begin(const ExportHead& head) = 0;
  virtual void cell(const ExportCell& cell) = 0;
  virtual void end() = 0;
};

// What to export of a report. Empty lists: all there is, metrics as the format says.
struct ExportChoice {
  std::vector<std::string> metrics = {};  // "all" is the whole catalogue
  std::vector<std::string> cells = {};
  std::vector<std::string> flows = {};
  std::vector<std::string> histograms = {};
};

// Which metrics a format exports where none is named.
enum class ExportMetrics : std::uint8_t {
  gating,    // for what raises alarms: each figure is one more that can be false
  reported,  // gating ones and those that comparisons show
  none       // it exports no metrics but histograms
};

struct ExportFormat {
  std::string_view name;
  std::string_view what;  // for --help: one clause
  ExportMetrics metrics;
  // A metric that it has no room for is left out, and that is said; null: takes all.
  bool (*takes)(const Metric& metric);
  std::string_view takes_what;  // "times alone"
  bool shows_failures;          // is worth writing where no repetition is good
  // The choice and the write outlive the exporter.
  std::unique_ptr<Exporter> (*make)(const ExportChoice& choice, const ExportWrite& write);
};

std::span<const ExportFormat> export_formats();
// Throws Error (usage) naming all formats.
const ExportFormat& export_format(std::string_view name);

// One export from its head to its end. Not thread-safe.
class Export {
 public:
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;
  ~Export() = default;

  // Throws Error (usage) for a metric that is not in the catalogue or that the format
  // cannot hold, and for a choice that means nothing to the format.
  Export(const ExportFormat& format, ExportChoice choice, ExportWrite write);

  // What of a report it reads beyond its plain figures.
  ReportParts parts() const;

  void begin(const ExportHead& head) { exporter_->begin(head); }
  // Throws Error (usage) where a cell or a repetition is there twice.
  void cell(CellResult cell);
  // Throws Error (usage) where a chosen cell or flow was not there, or no repetition
  // was good and the format would be empty.
  void end();

  // After end(): what was left out and why, a sentence each.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  void choose_metrics();
  void keep_chosen_flows(CellResult& cell);

  const ExportFormat& format_;
  ExportChoice choice_;
  ExportWrite write_;
  std::unique_ptr<Exporter> exporter_;
  MetricSelection selection_;
  std::set<std::string> cells_seen_;
  std::set<std::string> flows_seen_;
  std::size_t good_ = 0;
  std::size_t dropped_ = 0;
  std::vector<std::string> remarks_;
};

}  // namespace netstall
