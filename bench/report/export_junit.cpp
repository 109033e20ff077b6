// JUnit XML: a suite per cell, a test case per expectation, and one per metric that
// nothing was expected of, which tells its figure. A cell without a good repetition
// is an error: it must not look green.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"
#include "bench/report/markup.hpp"
#include "bench/verdict/expectations.hpp"

namespace netstall {
namespace {

std::string label(const std::string& flow, const std::string& metric) {
  return flow.empty() ? metric : fmt::format("{}: {}", flow, metric);
}

double seconds_of(const CellResult& cell) {
  double seconds = 0;
  for (const auto& repetition : cell.repetitions) {
    seconds += static_cast<double>(repetition.duration_ns) / 1e9;
  }
  return seconds;
}

// The cases of one cell.
class Suite {
 public:
  Suite(const ExportHead& head, const ExportCell& cell)
      : head_(head), cell_(cell), classname_(xml_text(head.scenario + "." + cell.result.id)) {
    if (cell.samples.indices.empty()) {
      add_unmeasured();
      return;
    }
    for (const auto& result : cell.result.expectations) add_expectation(result);
    for (const auto& row : cell.samples.rows) {
      if (!expected(row)) add_figure(row);
    }
  }

  std::string text() const {
    return fmt::format(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" "
        "time=\"{:.3f}\" timestamp=\"{}\">\n{}  </testsuite>\n",
        classname_, tests_, failures_, errors_, skipped_, seconds_of(cell_.result),
        xml_text(head_.started_at), cases_);
  }

 private:
  bool expected(const SampleRow& row) const {
    const auto& results = cell_.result.expectations;
    return std::any_of(results.begin(), results.end(), [&](const ExpectationResult& result) {
      return result.expectation.metric == row.metric->name && result.expectation.flow == row.flow;
    });
  }

  void add_case(const std::string& name, const std::string& content) {
    ++tests_;
    cases_ += fmt::format("    <testcase classname=\"{}\" name=\"{}\">{}</testcase>\n", classname_,
                          xml_text(name), content);
  }

  void add_unmeasured() {
    ++errors_;
    std::string reasons;
    for (const auto& dropped : cell_.samples.dropped) {
      reasons += fmt::format("repetition {}: {}: {}\n", dropped.index, name_of(dropped.status),
                             xml_text(dropped.reason));
    }
    add_case("repetitions",
             fmt::format("<error message=\"no repetition is good\">{}</error>", reasons));
  }

  void add_expectation(const ExpectationResult& result) {
    const auto name = to_text(result.expectation);
    const auto said = xml_text(to_text(result));
    if (result.passed) {
      add_case(name, fmt::format("<system-out>{}</system-out>", said));
    } else {
      ++failures_;
      const auto alone = command_alone(head_.command, cell_.result.id, result);
      add_case(name, fmt::format("<failure message=\"{}\">In cell {}. Alone: {}</failure>", said,
                                 xml_text(cell_.result.id), xml_text(alone)));
    }
  }

  void add_figure(const SampleRow& row) {
    const auto name = label(row.flow, row.metric->name);
    const auto figure = figure_of(row);
    if (!figure) {
      ++skipped_;
      const auto why =
          row.why_absent.empty() ? std::string("not measured") : xml_text(row.why_absent);
      add_case(name, fmt::format("<skipped message=\"{}\"/>", why));
      return;
    }
    const auto unit = row.metric->unit;
    add_case(name, fmt::format("<system-out>{} ({} to {}, {} repetitions); {} is better"
                               "</system-out>",
                               human_value(unit, figure->value), human_value(unit, figure->lowest),
                               human_value(unit, figure->highest), figure->repetitions,
                               better_text(*row.metric)));
  }

  const ExportHead& head_;
  const ExportCell& cell_;
  std::string classname_;
  std::string cases_;
  std::size_t tests_ = 0;
  std::size_t failures_ = 0;
  std::size_t errors_ = 0;
  std::size_t skipped_ = 0;
};

class JunitExporter final : public Exporter {
 public:
  explicit JunitExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    head_ = head;
    write_(fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"{}\">\n",
                       xml_text("netstall " + head.scenario)));
  }
  void cell(const ExportCell& cell) override { write_(Suite(head_, cell).text()); }
  void end() override { write_("</testsuites>\n"); }

 private:
  const ExportWrite& write_;
  ExportHead head_;
};

}  // namespace

std::unique_ptr<Exporter> make_junit_exporter(const ExportChoice&, const ExportWrite& write) {
  return std::make_unique<JunitExporter>(write);
}

}  // namespace netstall
