// Reports to and from the JSON of results/report.schema.json.
#pragma once

#include <string>
#include <string_view>

#include "model/plan.hpp"
#include "model/report.hpp"

namespace netstall {

constexpr std::string_view kReportSchema = "netstall/report/1";

// One repetition as one line of JSON, and back: the journal's record.
std::string to_json_line(const Repetition& repetition);
Repetition repetition_from_json_line(std::string_view line);

// One cell of a report.
CellResult cell_from_json(std::string_view text);

// Throws Error (usage) for an object that is not of the schema this program reads.
void check_report_schema(std::string_view text);

// The whole report, pretty-printed. Numbers that are not finite become null.
std::string to_json(const Report& report);

// Throws Error (usage): another schema version, truncated, a wrong type.
Report report_from_json(std::string_view text);

}  // namespace netstall
