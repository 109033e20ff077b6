#include "bench/report/page.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "bench/report/page_assets.hpp"
#include "model/testdata/sample_report.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using testing::Not;

nlohmann::json data_of(const std::string& page, const std::string& id) {
  const auto open = "<script type=\"application/json\" id=\"" + id + "\">";
  const auto at = page.find(open);
  if (at == std::string::npos) return nullptr;
  const auto from = at + open.size();
  return nlohmann::json::parse(page.substr(from, page.find("</script>", from) - from));
}

Report named(std::string kernel) {
  auto report = sample_report();
  report.environment["kernel.release"] = std::move(kernel);
  return report;
}

std::string page_of_two(const Report& a, const Report& b, bool allow) {
  PageOptions options;
  options.allow_environment_change = allow;
  Page page(options);
  for (const auto& [report, file] : {std::pair(&a, "a.json"), std::pair(&b, "b.json")}) {
    page.begin_report(file);
    for (const auto& cell : report->cells) page.add(page.cell_of(cell));
    page.end_report(*report);
  }
  return page.finish();
}

TEST(Page, HoldsEverythingAndAsksForNothing) {
  const auto page = page_of(sample_report(), "sample.json", {});
  EXPECT_THAT(page,
              HasSubstr("default-src 'none'; script-src 'sha256-" + std::string(kPageScriptHash) +
                        "'; style-src 'sha256-" + std::string(kPageStyleHash)));
  for (const auto* outside : {"http://", "https://", "@import", "src=", "url("}) {
    auto without_names = page;
    // The name of SVG's elements is no address that anybody asks for, nor are parts of
    // the same drawing.
    for (const std::string part : {"http://www.w3.org/2000/svg", "url(#hatch)", "url(#ramp)"}) {
      for (std::size_t at = 0; (at = without_names.find(part)) != std::string::npos;) {
        without_names.erase(at, part.size());
      }
    }
    EXPECT_THAT(without_names, Not(HasSubstr(outside)));
  }
}

TEST(Page, OverviewAndCellsAreTheReports) {
  const auto report = sample_report();
  const auto page = page_of(report, "sample.json", {});
  const auto overview = data_of(page, "overview");
  ASSERT_EQ(overview["cells"].size(), report.cells.size());
  EXPECT_EQ(overview["cells"][0]["id"], report.cells[0].id);
  EXPECT_EQ(overview["reports"][0]["environment"].size(), report.environment.size());
  EXPECT_EQ(overview["live"], nullptr);
  const auto cell = data_of(page, "cell-0");
  const auto& repetition = report.cells[0].repetitions[0];
  EXPECT_EQ(cell["flows"].size(), repetition.flows.size());
  EXPECT_EQ(cell["flows"][0]["curves"]["stall"]["n"],
            repetition.flows[0].stalls->total.duration.count());
  EXPECT_EQ(data_of(page, "path-0")["stations"].size(), 8U);
}

TEST(Page, OtherMachinesAreShownSideBySideWithoutAVerdict) {
  const auto refused = page_of_two(named("6.1"), named("6.12"), false);
  const auto overview = data_of(refused, "overview");
  EXPECT_EQ(overview["comparisons"].size(), 0U);
  EXPECT_THAT(overview["lead"].get<std::string>(), HasSubstr("No verdict of b.json"));
  EXPECT_EQ(overview["differences"][0][0][0], "kernel.release");
  const auto allowed = data_of(page_of_two(named("6.1"), named("6.12"), true), "overview");
  EXPECT_EQ(allowed["comparisons"].size(), 1U);
}

TEST(Page, ScenariosThatDifferAreSaid) {
  auto other = named("6.12");
  other.scenario_hash = "another";
  const auto overview = data_of(page_of_two(named("6.12"), other, true), "overview");
  ASSERT_EQ(overview["differences"][0].size(), 1U);
  EXPECT_EQ(overview["differences"][0][0][0], "scenario");
  EXPECT_EQ(overview["differences"][0][0][2], "another");
}

TEST(Page, ARunThatGoesOnSaysHowFarItIs) {
  PageOptions options;
  options.written_at = "2026-01-31T12:00:00.000Z";
  options.live = LiveState{3, 10, 21, 3};
  const auto overview = data_of(page_of(sample_report(), "sample.json", options), "overview");
  EXPECT_EQ(overview["live"]["done"], 3);
  EXPECT_EQ(overview["live"]["total"], 10);
}

}  // namespace
}  // namespace netstall
