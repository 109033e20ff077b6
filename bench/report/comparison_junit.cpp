// A comparison as JUnit's XML: what CI systems show as tests.
#include <fmt/format.h>

#include "bench/report/comparison_formats.hpp"
#include "bench/report/markup.hpp"

namespace netstall {
namespace {

struct Totals {
  std::size_t tests = 0;
  std::size_t failures = 0;
  std::size_t skipped = 0;
};

// What one test case comes to; `detail` may be empty.
struct Case {
  std::string cell;
  std::string name;
  enum class Result : std::uint8_t { passed, failed, skipped } result = Result::passed;
  std::string message;
};

Case case_of(const ComparisonRow& row, bool strict) {
  const auto& metric = *row.metric;
  const auto change = change_text(metric);
  const auto reason = reason_text(metric);
  Case made{row.cell->id, metric_label(metric), Case::Result::passed,
            fmt::format("{}: {}{}{}", name_of(metric.verdict), change,
                        change.empty() || reason.empty() ? "" : "; ", reason)};
  if (metric.worse) {
    made.result = Case::Result::failed;
  } else if (metric.verdict == Verdict::inconclusive) {
    made.result = strict ? Case::Result::failed : Case::Result::skipped;
  }
  return made;
}

// What has no verdict because it was not there: never passed.
void add_missing(const Comparison& comparison, bool strict, std::vector<Case>& cases) {
  const auto result = strict ? Case::Result::failed : Case::Result::skipped;
  const auto add = [&](const std::string& cell, const std::string& name, std::string message) {
    cases.push_back({cell, name, result, std::move(message)});
  };
  for (const auto& cell : comparison.cells) {
    for (const auto& label : cell.not_measured) add(cell.id, label, "measured on neither side");
    for (const auto& flow : cell.flows_only_a) add(cell.id, flow, "a flow group of A alone");
    for (const auto& flow : cell.flows_only_b) add(cell.id, flow, "a flow group of B alone");
  }
  for (const auto& cell : comparison.cells_only_a) add(cell, "cell", "a cell of A alone");
  for (const auto& cell : comparison.cells_only_b) add(cell, "cell", "a cell of B alone");
}

std::string element_of(const Case& one, Totals& totals) {
  ++totals.tests;
  auto text = fmt::format(R"(  <testcase classname="{}" name="{}")", xml_text(one.cell),
                          xml_text(one.name));
  const auto message = xml_text(one.message);
  switch (one.result) {
    case Case::Result::passed:
      return text + fmt::format(">\n    <system-out>{}</system-out>\n  </testcase>\n", message);
    case Case::Result::failed:
      ++totals.failures;
      return text + fmt::format(">\n    <failure message=\"{}\"/>\n  </testcase>\n", message);
    case Case::Result::skipped:
      ++totals.skipped;
      return text + fmt::format(">\n    <skipped message=\"{}\"/>\n  </testcase>\n", message);
  }
  return text;
}

}  // namespace

std::string comparison_junit(const Comparison& comparison, bool strict) {
  std::vector<Case> cases;
  for (const auto& row : worst_first(comparison, true)) cases.push_back(case_of(row, strict));
  add_missing(comparison, strict, cases);
  Totals totals;
  std::string body;
  for (const auto& one : cases) body += element_of(one, totals);
  std::string notes;
  for (const auto& remark : remarks(comparison)) notes += xml_text(remark) + "\n";
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\">\n"
      "{}  <system-out>{}</system-out>\n</testsuite>\n",
      xml_text(fmt::format("netstall compare {} {}", comparison.name_a, comparison.name_b)),
      totals.tests, totals.failures, totals.skipped, body, notes);
}

}  // namespace netstall
