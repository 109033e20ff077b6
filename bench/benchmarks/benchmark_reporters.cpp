#include "bench/benchmarks/benchmark_reporters.hpp"

#include "bench/benchmarks/scenario_benchmarks.hpp"

namespace netstall {

bool CellReporter::ReportContext(const Context& context) {
  // Google Benchmark sets the streams of the reporter that it is given.
  to_.SetOutputStream(&GetOutputStream());
  to_.SetErrorStream(&GetErrorStream());
  return to_.ReportContext(context);
}

void CellReporter::ReportRuns(const std::vector<Run>& runs) {
  std::vector<Run> kept;
  for (const auto& run : runs) {
    if (run.run_type == Run::RT_Iteration) {
      kept.push_back(run);
      continue;
    }
    const auto* result = result_of_(run.run_name.function_name);
    if (run.aggregate_name != "median" || result == nullptr) continue;
    const auto counters = median_counters(*result);
    if (counters.empty()) continue;
    auto& row = kept.emplace_back(run);
    row.report_label.clear();
    row.counters.clear();
    for (const auto& [name, value] : counters) row.counters[name] = value;
    // It divides by the iterations again, which are the repetitions here.
    row.real_accumulated_time = median_seconds(*result) * static_cast<double>(row.iterations);
  }
  if (!kept.empty()) to_.ReportRuns(kept);
}

}  // namespace netstall
