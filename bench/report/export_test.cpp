#include "bench/report/export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "bench/report/export_text.hpp"
#include "model/testdata/sample_report.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::Not;

SampleRow row_of(const char* metric, std::vector<std::optional<double>> values) {
  SampleRow row{find_metric(metric), "slow"};
  row.values = std::move(values);
  return row;
}

struct Exported {
  std::string text;
  std::vector<std::string> remarks;
};

Exported exported(const Report& report, const char* format, const ExportChoice& choice = {}) {
  Exported out;
  Export exporting(export_format(format), choice, [&](std::string_view text) { out.text += text; });
  exporting.begin(export_head(report));
  for (const auto& cell : report.cells) exporting.cell(cell);
  exporting.end();
  out.remarks = exporting.remarks();
  return out;
}

TEST(ExportFigure, IsTheMedianAndItsBounds) {
  const auto odd = figure_of(row_of("stall.p99", {30, 10, 20}));
  ASSERT_TRUE(odd);
  EXPECT_EQ(odd->value, 20);
  EXPECT_EQ(odd->lowest, 10);
  EXPECT_EQ(odd->highest, 30);
  EXPECT_EQ(odd->repetitions, 3U);
  EXPECT_EQ(figure_of(row_of("stall.p99", {1, 2, 30, 40}))->value, 16);
}

TEST(ExportFigure, OfYesOrNoIsTheShare) {
  EXPECT_EQ(figure_of(row_of("stall.occurrence", {1, 0, 0, 0}))->value, 0.25);
}

// Two repetitions had too few stalls for a p99: the median of the third alone would
// be that of the worst.
TEST(ExportFigure, IsAbsentWhereARepetitionLacksTheValue) {
  EXPECT_FALSE(figure_of(row_of("stall.p99", {std::nullopt, std::nullopt, 9e9})));
  EXPECT_FALSE(figure_of(row_of("stall.p99", {})));
}

TEST(ExportFormats, NamesAreThoseOfTheContract) {
  std::vector<std::string_view> names;
  for (const auto& format : export_formats()) names.push_back(format.name);
  EXPECT_THAT(names, testing::ElementsAre("csv", "markdown", "junit", "gbench", "github-action",
                                          "bencher", "openmetrics", "hgrm"));
  EXPECT_THROW(export_format("html"), Error);
}

TEST(ExportFormats, AllAreWrittenWithoutTheRepetitionThatFailed) {
  auto report = sample_report();
  auto failed = report.cells[0].repetitions[0];
  failed.index = 7;
  failed.status = Status::failed;
  failed.flows[0].goodput_bytes_per_s = 987654321;
  failed.flows[0].stalls->total.time_ns = 987654321;
  const auto without = report;
  report.cells[0].repetitions.push_back(failed);
  for (const auto& format : export_formats()) {
    const auto name = std::string(format.name);
    const auto out = exported(report, name.c_str());
    EXPECT_FALSE(out.text.empty()) << name;
    EXPECT_THAT(out.text, Not(HasSubstr("987654321"))) << name;
    EXPECT_THAT(out.remarks.back(), HasSubstr("2 of 3 repetitions")) << name;
    // Those that tell of failures apart, a failed repetition leaves no trace.
    if (!format.shows_failures) {
      EXPECT_EQ(out.text, exported(without, name.c_str()).text) << name;
    }
  }
}

TEST(ExportFormats, ChosenFlowsAreTheOnlyOnes) {
  auto report = sample_report();
  auto other = report.cells[0].repetitions[0].flows[0];
  other.name = "other";
  report.cells[0].repetitions[0].flows.push_back(other);
  for (const auto& format : export_formats()) {
    const auto name = std::string(format.name);
    EXPECT_THAT(exported(report, name.c_str()).text, HasSubstr("other")) << name;
    const auto out = exported(report, name.c_str(), {.flows = {"slow"}}).text;
    EXPECT_THAT(out, HasSubstr("slow")) << name;
    EXPECT_THAT(out, Not(HasSubstr("other"))) << name;
  }
}

TEST(ExportText, NumbersReadBackAsTheyWere) {
  for (const double value : {0.0, 1.0, 0.1, 1e300, 1e-300, 123456789.125, 2.0 / 3}) {
    EXPECT_EQ(std::stod(number_text(value)), value);
  }
}

TEST(ExportText, ScenarioWithoutANameHasOneAllTheSame) {
  EXPECT_EQ(scenario_name(R"({"name":"x"})"), "x");
  EXPECT_EQ(scenario_name(R"({"name":3})"), "scenario");
  EXPECT_EQ(scenario_name(""), "scenario");
}

}  // namespace
}  // namespace netstall
