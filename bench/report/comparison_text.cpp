// What `compare` and `ab` say on a terminal.
#include <fmt/format.h>

#include "base/printable.hpp"
#include "base/units.hpp"
#include "bench/report/comparison_formats.hpp"
#include "bench/report/markup.hpp"

namespace netstall {
namespace {

constexpr std::size_t kVerdictWidth = 13;
constexpr std::size_t kMostBeside = 10;

std::string_view color_of(const MetricComparison& metric) {
  if (metric.worse) return "31";
  switch (metric.verdict) {
    case Verdict::inconclusive:
      return "33";
    case Verdict::unchanged:
      return "2";
    default:
      return "32";
  }
}

std::string painted(bool color, std::string_view code, std::string_view text) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

class Text {
 public:
  Text(const Comparison& comparison, const ComparisonTextOptions& options)
      : comparison_(comparison), options_(options) {}

  std::string make() {
    headline();
    gating();
    beside();
    for (const auto& remark : remarks(comparison_)) {
      text_ += wrapped("- " + printable(remark), 2);
    }
    return std::move(text_);
  }

 private:
  void headline() {
    const auto outcome = comparison_.outcome();
    const auto code = outcome == Outcome::worse ? "1;31" : outcome == Outcome::ok ? "1;32" : "1;33";
    const auto counts = counts_text(comparison_);
    text_ += painted(options_.color, code, wrapped(counts, 0));
    text_ += wrapped(
        fmt::format("A: {}  B: {}  ({}, {}, {}, q ≤ {})", printable(comparison_.name_a),
                    printable(comparison_.name_b),
                    comparison_.design == Design::interleaved ? "interleaved" : "two sittings",
                    counted(comparison_.cells.size(), "cell"), counted(comparison_.tests, "test"),
                    comparison_.level),
        4);
    text_ += '\n';
  }

  void row(const ComparisonRow& row) {
    const auto& metric = *row.metric;
    const auto word = name_of(metric.verdict);
    auto what = metric_label(metric);
    if (comparison_.cells.size() > 1) what += fmt::format(" in {}", row.cell->id);
    const auto lines =
        wrapped(fmt::format("{:<{}}{}", word, kVerdictWidth, printable(what)), kVerdictWidth);
    text_ += painted(options_.color, color_of(metric), lines.substr(0, word.size()));
    text_ += lines.substr(word.size());
    const auto change = change_text(metric);
    const auto reason = reason_text(metric);
    const auto both =
        fmt::format("{}{}{}", change, change.empty() || reason.empty() ? "" : "; ", reason);
    text_ += wrapped(std::string(kVerdictWidth, ' ') + printable(both), kVerdictWidth);
  }

  void gating() {
    std::size_t unchanged = 0;
    for (const auto& one : worst_first(comparison_, true)) {
      if (one.metric->verdict == Verdict::unchanged && !options_.all) {
        ++unchanged;
      } else {
        row(one);
      }
    }
    if (unchanged > 0)
      text_ += fmt::format("{:<{}}{}\n", "unchanged", kVerdictWidth, counted(unchanged, "metric"));
    text_ += '\n';
  }

  // What decides nothing but may explain.
  void beside() {
    std::size_t shown = 0;
    std::size_t more = 0;
    for (const auto& one : worst_first(comparison_, false)) {
      const bool changed =
          one.metric->verdict != Verdict::unchanged && one.metric->verdict != Verdict::inconclusive;
      if (!changed && !options_.all) continue;
      if (shown == kMostBeside && !options_.all) {
        ++more;
        continue;
      }
      if (shown++ == 0) text_ += "Beside the gating metrics, these decide nothing:\n";
      row(one);
    }
    if (more > 0) text_ += fmt::format("… and {} more (--all)\n", more);
    if (shown > 0) text_ += '\n';
  }

  const Comparison& comparison_;
  const ComparisonTextOptions& options_;
  std::string text_;
};

}  // namespace

std::string comparison_text(const Comparison& comparison, const ComparisonTextOptions& options) {
  return Text(comparison, options).make();
}

}  // namespace netstall
