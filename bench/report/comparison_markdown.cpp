// A comparison as Markdown, for the summary of a CI step.
#include <fmt/format.h>

#include "bench/report/comparison_formats.hpp"
#include "bench/report/markup.hpp"

namespace netstall {
namespace {

constexpr std::size_t kMostBytes = std::size_t{1} << 20;
// Of it, for what stands after the table.
constexpr std::size_t kRoomForRemarks = std::size_t{256} << 10;
constexpr std::size_t kRoomForMore = 100;

std::string verdict_text(const MetricComparison& metric) {
  const auto name = name_of(metric.verdict);
  return metric.worse ? fmt::format("**{}**", name) : std::string(name);
}

std::string table_row(const ComparisonRow& row) {
  const auto& metric = *row.metric;
  return fmt::format("| {} | {} | {} | {} | {} |\n", verdict_text(metric),
                     markdown_text(row.cell->id), markdown_text(metric_label(metric)),
                     markdown_text(change_text(metric)), markdown_text(reason_text(metric)));
}

std::string_view title_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok:
      return "no regression";
    case Outcome::worse:
      return "worse";
    case Outcome::inconclusive:
      return "inconclusive";
  }
  return {};
}

// Adds what fits below `most`, and says how much did not.
template <class Entries, class Make>
void add_entries(std::string& text, std::size_t most, const Entries& entries, const Make& make,
                 std::string_view more) {
  std::size_t shown = 0;
  for (const auto& entry : entries) {
    const auto line = make(entry);
    if (text.size() + line.size() + kRoomForMore > most) break;
    text += line;
    ++shown;
  }
  if (shown < entries.size()) {
    text += fmt::format(fmt::runtime(more), entries.size() - shown);
  }
}

}  // namespace

std::string comparison_markdown(const Comparison& comparison) {
  auto text = fmt::format(
      "### netstall: {}\n\n{}. A: {}, B: {}; {}, q ≤ {}.\n\n", title_of(comparison.outcome()),
      counts_text(comparison), markdown_text(comparison.name_a), markdown_text(comparison.name_b),
      comparison.design == Design::interleaved ? "interleaved" : "two sittings", comparison.level);
  text += "| Verdict | Cell | Metric | A → B, ratio (95 %) | Why |\n|---|---|---|---|---|\n";
  add_entries(text, kMostBytes - kRoomForRemarks, worst_first(comparison, true), table_row,
              "\n… and {} more.\n");
  text += '\n';
  add_entries(
      text, kMostBytes, remarks(comparison),
      [](const std::string& remark) { return fmt::format("- {}\n", markdown_text(remark)); },
      "- … and {} more.\n");
  return text;
}

}  // namespace netstall
