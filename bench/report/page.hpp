// One self-contained HTML page of one report or several: no network, no server,
// everything in the file. What it shows is made here and in bench/report/page/,
// whose scripts and styles are built into the program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/report/cell_digest.hpp"
#include "bench/report/findings.hpp"
#include "bench/verdict/comparison.hpp"
#include "bench/verdict/samples.hpp"
#include "model/report.hpp"
#include "model/report_parts.hpp"

namespace netstall {

// A run that is still going on: the page says so and follows.
struct LiveState {
  std::size_t done = 0;
  std::size_t total = 0;
  double seconds_left = 0;
  double seconds_each = 0;  // expected between two repetitions
};

struct PageOptions {
  Detail detail = {};
  bool allow_environment_change = false;
  std::string written_at = {};  // the wall clock, as a report has it
  std::optional<LiveState> live = {};
};

// So that a page stays below 20 MB: of so many cells, or of reports of so many bytes.
Detail detail_of_cells(std::size_t cells);
Detail detail_of_bytes(std::uint64_t bytes);

// The metrics that a page shows: the catalogue's gating ones, and those that its
// plots and tables read.
MetricSelection page_metrics();

// What a page keeps of a cell: without curves and series, which stand in its text.
struct PageCell {
  CellDigest digest;
  std::string json;
};

// Made cell by cell, so that the histograms of few cells are held at a time: begin a
// report, add its cells, end it with its head; then the next; finish() once.
// Not thread-safe, but for what is said to be.
class Page {
 public:
  explicit Page(PageOptions options);

  // What of a report the page reads.
  ReportParts wanted_parts() const { return parts_of_digest(metrics_); }

  // `file`: what people call the report.
  void begin_report(std::string file);
  // Most of the work. For any threads at once. Throws Error (usage) as samples_of() does.
  PageCell cell_of(const CellResult& cell) const;
  void add(PageCell&& cell);
  // The head's own cells are not read.
  void end_report(const Report& head);

  // The whole page. Several reports are each compared with the first; reports that
  // cannot be compared stand side by side, and the page says why.
  std::string finish();

 private:
  struct ReportPart {
    std::string file;
    std::string head_json;
    std::string name;
    Environment environment;
    ReportSamples samples;
    std::vector<CellDigest> cells;  // without curves and series, once written
    std::vector<CellFacts> facts;
  };

  void add_comparisons(std::string& json, std::string& lead, Tone& tone);
  std::string overview(std::string& lead, Tone& tone);

  PageOptions options_;
  MetricSelection metrics_;
  std::vector<ReportPart> reports_;
  std::size_t cells_ = 0;
  std::string cell_scripts_;    // ready elements
  std::string overview_cells_;  // ready JSON, with commas
};

// A page of a report that is in memory.
std::string page_of(const Report& report, std::string file, PageOptions options);

}  // namespace netstall
