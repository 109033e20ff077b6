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

// The same of durations that the window's edges cut: `cut` of them, one cut at both edges
// twice. It is a lower bound where they cut many, or some and the window is not ten times as
// long as it is: events as long are cut that often. 0 of no event: it never happened.
Reading read_cut_percentile(const Histogram& histogram, double percent, std::uint64_t cut,
                            double window_s);

void add_stall_metrics(std::vector<Metric>& catalogue);
void add_latency_metrics(std::vector<Metric>& catalogue);
void add_traffic_metrics(std::vector<Metric>& catalogue);
void add_datagram_metrics(std::vector<Metric>& catalogue);
void add_kernel_metrics(std::vector<Metric>& catalogue);
void add_probe_metrics(std::vector<Metric>& catalogue);

}  // namespace netstall
