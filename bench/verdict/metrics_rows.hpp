// What the parts of the metrics catalogue share: how they add their rows, and how
// a reading is made.
#pragma once

#include <string>
#include <vector>

#include "base/histogram.hpp"
#include "bench/verdict/metrics.hpp"

namespace netstall {

// Changes below these matter to nobody: of central figures, of the 99th percentile,
// and of what lies beyond it, which a repetition knows less well. A verdict needs an
// estimate beyond them, so a true change must be some way above to be found often:
// with 15 %, one of 25 % in p99 is (docs/power.md).
constexpr double kCentralChange = 0.10;
constexpr double kTailChange = 0.15;
constexpr double kExtremeChange = 0.25;

Reading absent(std::string why);
Reading present(double value);

// The percentile as a report gives it; 100 is the largest value.
Reading read_percentile(const Histogram& histogram, double percent);

void add_stall_metrics(std::vector<Metric>& catalogue);
void add_latency_metrics(std::vector<Metric>& catalogue);
void add_traffic_metrics(std::vector<Metric>& catalogue);
void add_datagram_metrics(std::vector<Metric>& catalogue);
void add_kernel_metrics(std::vector<Metric>& catalogue);
void add_probe_metrics(std::vector<Metric>& catalogue);

}  // namespace netstall
