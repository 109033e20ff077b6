// The longest stalls of a cell with their sockets, and what each probe found: for the
// terminal summary with -v, and for the page.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "model/report.hpp"

namespace netstall {

// All of these are of the good repetitions of one cell, and empty where there is
// nothing to say.

// The longest of all, longest first; as many as one repetition has at most.
std::vector<Offender> worst_of(const CellResult& cell);
// Each probe, and what it found, in words.
std::vector<std::pair<std::string, std::string>> findings_of(const CellResult& cell);

// For the terminal: lines, the last with its line feed.
std::string worst_stalls_text(const CellResult& cell);
std::string findings_text(const CellResult& cell);

}  // namespace netstall
