// A comparison as workflow commands of GitHub Actions: what is shown beside a change.
// GitHub shows ten of a kind and step.
#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "base/printable.hpp"
#include "bench/report/comparison_formats.hpp"

namespace netstall {
namespace {

constexpr std::size_t kMostOfAKind = 10;

// Text as a command takes it; a property, in which more is special, ends at "::".
std::string command_text(std::string_view text, bool property) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '%') {
      out += "%25";
    } else if (property && c == ':') {
      out += "%3A";
    } else if (property && c == ',') {
      out += "%2C";
    } else {
      out += c;
    }
  }
  return out;
}

std::string annotation(std::string_view kind, std::string_view title, std::string_view message) {
  return fmt::format("::{} title={}::{}\n", kind, command_text(title, true),
                     command_text(message, false));
}

std::string annotations_of(std::string_view kind, std::span<const ComparisonRow> rows,
                           std::string_view more) {
  std::string text;
  for (const auto& row : rows.first(std::min(rows.size(), kMostOfAKind))) {
    const auto& metric = *row.metric;
    const auto change = change_text(metric);
    const auto reason = reason_text(metric);
    text += annotation(kind, fmt::format("{}: {}", name_of(metric.verdict), metric_label(metric)),
                       fmt::format("in cell {}: {}{}{}", row.cell->id, change,
                                   change.empty() || reason.empty() ? "" : "; ", reason));
  }
  if (rows.size() > kMostOfAKind) {
    text += annotation("notice", "netstall",
                       fmt::format("{} more {}", rows.size() - kMostOfAKind, more));
  }
  return text;
}

}  // namespace

std::string comparison_annotations(const Comparison& comparison, bool strict) {
  std::vector<ComparisonRow> worse;
  std::vector<ComparisonRow> undecided;
  for (const auto& row : worst_first(comparison, true)) {
    if (row.metric->worse) worse.push_back(row);
    if (row.metric->verdict == Verdict::inconclusive) undecided.push_back(row);
  }
  return annotations_of("error", worse, "metrics changed for the worse") +
         annotations_of(strict ? "error" : "warning", undecided, "metrics are inconclusive");
}

}  // namespace netstall
