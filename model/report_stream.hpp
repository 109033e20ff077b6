// A report read cell by cell, so that one of gigabytes needs the memory of a few cells;
// and without the histograms that nobody asked for, which are most of the time.
#pragma once

#include <filesystem>
#include <functional>

#include "model/report.hpp"
#include "model/report_parts.hpp"

namespace netstall {

// Calls `take` with each cell, in the order of the file and on the caller's thread (a
// second one parses the next cells meanwhile), and returns the rest of the
// report (its list of cells is empty). Parts that are not wanted are absent, as if
// they had not been measured (a cause's durations are then an empty histogram), and
// are not checked beyond being JSON in outline.
//
// Throws Error as report_from_json does, with the pointer of what is wrong; cells
// before it have been taken by then.
Report stream_report(const std::filesystem::path& file, ReportParts wanted,
                     const std::function<void(CellResult&&)>& take);

// What a cell is made into; and what is done with that.
using CellTaker = std::function<void()>;
using CellDigester = std::function<CellTaker(const CellResult&)>;

// The same for those who make something smaller of each cell: `digest` is called for each,
// for several at once, in any order and on any thread, and with cells after one that is
// wrong, too. What it returns is called as `take` above.
Report digest_report(const std::filesystem::path& file, ReportParts wanted,
                     const CellDigester& digest);

}  // namespace netstall
