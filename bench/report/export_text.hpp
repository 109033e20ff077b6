// Pieces of text that several export formats are made of.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "bench/report/export.hpp"

namespace netstall {

// A JSON string with its quotes; what is no UTF-8, and control characters, are U+FFFD.
std::string json_string(std::string_view text);
// The shortest text that reads back as the same number. `value` is finite.
std::string number_text(double value);
// {"a":"1"} on one line.
std::string json_object(const std::map<std::string, std::string>& values);

// "name" of a scenario as a report holds it; "scenario" where it says none.
std::string scenario_name(std::string_view scenario_json);

// "lower" or "higher": which is better.
std::string_view better_text(const Metric& metric);

// "slow-readers/sndbuf=64KiB/slow": what one figure is of, the flow left out for the
// whole repetition.
std::string series_name(const ExportHead& head, const ExportCell& cell, const std::string& flow);

// The good repetitions of a cell, in the order of the values of its samples.
std::vector<const Repetition*> good_repetitions(const CellResult& cell);

}  // namespace netstall
