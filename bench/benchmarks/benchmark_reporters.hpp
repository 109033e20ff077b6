// What Google Benchmark prints, put right: its own statistics count repetitions that
// failed and become NaN where nothing stalled, which is no JSON.
#pragma once

#include <benchmark/benchmark.h>

#include <functional>
#include <memory>

#include "model/report.hpp"

namespace netstall {

// Finds a cell's result by the name of its benchmark; null for none.
using ResultOf = std::function<const CellResult*(const std::string& name)>;

// Passes on to one of Google Benchmark's reporters: rows of repetitions as they are; of
// the aggregates the median alone, over the good repetitions, and none where no
// repetition is good. Others would read as more benchmarks.
class CellReporter final : public benchmark::BenchmarkReporter {
 public:
  CellReporter(benchmark::BenchmarkReporter& to, ResultOf result_of)
      : to_(to), result_of_(std::move(result_of)) {}

  bool ReportContext(const Context& context) override;
  void ReportRuns(const std::vector<Run>& runs) override;
  void Finalize() override { to_.Finalize(); }

 private:
  benchmark::BenchmarkReporter& to_;
  ResultOf result_of_;
};

// Prints nothing: for the rehearsal, which only counts.
class SilentReporter final : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>&) override {}
};

}  // namespace netstall
