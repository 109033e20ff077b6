// A metric reads nothing of a report but what it declares: its value from the whole
// report and from those parts alone is the same.
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "bench/verdict/samples.hpp"
#include "model/report_json.hpp"
#include "model/report_stream.hpp"

namespace netstall {
namespace {

const std::string kGolden = NETSTALL_SOURCE_DIR "/model/testdata/report.json";

std::vector<std::optional<double>> values(const CellResult& cell, const Metric& metric) {
  MetricSelection selection;
  selection.gating = {&metric};
  std::vector<std::optional<double>> found;
  for (const auto& row : samples_of(cell, selection).rows) {
    found.insert(found.end(), row.values.begin(), row.values.end());
  }
  return found;
}

TEST(ReportParts, EachMetricDeclaresWhatItReads) {
  const auto whole = report_from_json(read_file(kGolden));
  std::size_t with_value = 0;
  for (const auto& metric : metrics()) {
    std::size_t next = 0;
    stream_report(kGolden, metric.parts, [&](const CellResult& cell) {
      const auto expected = values(whole.cells.at(next++), metric);
      EXPECT_EQ(values(cell, metric), expected) << metric.name;
      for (const auto& value : expected) with_value += value ? 1U : 0U;
    });
  }
  EXPECT_GT(with_value, 40U) << "the report has too few values to tell anything";
}

}  // namespace
}  // namespace netstall
