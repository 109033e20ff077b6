// The pieces of a page's data as JSON; bench/report/page/data.js reads them. Apart
// from page.cpp so that each can be read alone.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "bench/report/cell_digest.hpp"
#include "bench/report/page_json.hpp"
#include "bench/report/path.hpp"
#include "bench/verdict/comparison.hpp"
#include "model/report.hpp"

namespace netstall {

// What a report's scenario says of itself. Empty where the report has none.
struct ScenarioFacts {
  std::string name;
  std::string why;
  std::optional<Side> sender;  // absent where flow groups differ
};
ScenarioFacts scenario_facts(std::string_view scenario_json);

// JSON made by others, so that it is inert in HTML; the same value.
std::string inert_json(std::string_view json);

// Everything of one cell that is only shown when somebody looks at it.
std::string cell_json(const CellDigest& cell);
std::string path_json(const Path& path);

// The cell's row of the overview: medians of its metrics and its marks. `report` is
// the position of its report.
void write_overview_row(PageJson& json, const CellDigest& cell, std::size_t report);

void write_report_head(PageJson& json, const Report& head, std::string_view file,
                       const ScenarioFacts& facts);
void write_metrics(PageJson& json, const MetricSelection& selection);

// At most `rows` rows, the worst first.
void write_comparison(PageJson& json, const Comparison& comparison, std::string_view title,
                      std::size_t rows);

}  // namespace netstall
