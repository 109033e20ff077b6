// The terminal summary of a run: the answer first, then a line per cell and flow.
#pragma once

#include <string>

#include "model/report.hpp"

namespace netstall {

struct SummaryOptions {
  bool color = false;
  bool verbose = false;  // and the longest stalls, and what each probe found
};

// Text of at most 80 columns where names allow it, with a line feed at the end.
std::string summarize(const Report& report, const SummaryOptions& options);

}  // namespace netstall
