// Markdown for the summary of a CI step: what failed first, then a row of medians
// per cell and flow group, worst first, never more than such a summary takes.
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

// GitHub refuses a step summary above 1 MiB; the rest is for what else a step says.
constexpr std::size_t kMostBytes = std::size_t{900} << 10;
constexpr std::size_t kMostRemarks = 50;

struct Line {
  std::vector<std::optional<double>> badness;  // by column, higher is worse
  std::string text;
};

// Absent figures are no better than any: they come first, to be seen.
bool worse(const Line& x, const Line& y) {
  for (std::size_t i = 0; i < x.badness.size(); ++i) {
    if (x.badness[i].has_value() != y.badness[i].has_value()) return !x.badness[i].has_value();
    if (x.badness[i] != y.badness[i]) return *x.badness[i] > *y.badness[i];
  }
  return false;
}

std::string figure_text(const Metric& metric, const ExportFigure& figure) {
  if (metric.yes_no) {
    const auto yes = figure.value * static_cast<double>(figure.repetitions);
    return fmt::format("{:.0f} of {}", yes, figure.repetitions);
  }
  return human_value(metric.unit, figure.value);
}

class MarkdownExporter final : public Exporter {
 public:
  explicit MarkdownExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    title_ = fmt::format("## netstall: {}\n\n", markdown_text(head.scenario));
    command_ = head.command;
    const auto kernel = head.environment.find("kernel.release");
    origin_ =
        fmt::format("netstall {}, kernel {}, seed {}, {}.\n", markdown_text(head.tool.version),
                    kernel == head.environment.end() ? "not known" : markdown_text(kernel->second),
                    head.seed, markdown_text(head.started_at));
  }

  void cell(const ExportCell& cell) override {
    const auto id = markdown_text(cell.result.id);
    for (const auto& result : cell.result.expectations) {
      if (!result.passed) {
        remarks_.push_back(
            fmt::format("**missed** in {}: {}; alone: {}", id, markdown_text(to_text(result)),
                        markdown_text(command_alone(command_, cell.result.id, result))));
      }
    }
    for (const auto& dropped : cell.samples.dropped) {
      remarks_.push_back(fmt::format("**{}**: repetition {} of {}: {}", name_of(dropped.status),
                                     dropped.index, id, markdown_text(dropped.reason)));
    }
    auto flows = cell.samples.flows;
    if (flows.empty()) flows.emplace_back();
    choose_columns(cell.samples);
    for (const auto& flow : flows) add_line(cell, flow);
  }

  void end() override {
    std::stable_sort(lines_.begin(), lines_.end(), worse);
    auto text = title_;
    for (std::size_t i = 0; i < remarks_.size() && i < kMostRemarks; ++i) {
      text += fmt::format("- {}\n", remarks_[i]);
    }
    if (remarks_.size() > kMostRemarks) {
      text += fmt::format("- and {} more\n", remarks_.size() - kMostRemarks);
    }
    if (!remarks_.empty()) text += '\n';
    text += header();
    std::size_t shown = 0;
    for (; shown < lines_.size(); ++shown) {
      if (text.size() + lines_[shown].text.size() > kMostBytes) break;
      text += lines_[shown].text;
    }
    if (shown < lines_.size()) {
      text += fmt::format("\n{} more rows, each no worse, are left out.\n", lines_.size() - shown);
    }
    write_(text + "\nMedians over the good repetitions; – has no value. " + origin_);
  }

 private:
  // Of the first cell that has rows: the others have the same metrics.
  void choose_columns(const CellSamples& samples) {
    if (!columns_.empty()) return;
    for (const auto& row : samples.rows) {
      if (std::find(columns_.begin(), columns_.end(), row.metric) == columns_.end()) {
        columns_.push_back(row.metric);
      }
    }
  }

  // What is measured of the whole repetition only stands in the row of each flow.
  void add_line(const ExportCell& cell, const std::string& flow) {
    Line line;
    line.badness.resize(columns_.size());
    line.text = fmt::format("| {} | {} | {} |", markdown_text(cell.result.id), markdown_text(flow),
                            cell.samples.indices.size());
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto* metric = columns_[i];
      std::optional<ExportFigure> figure;
      for (const auto& row : cell.samples.rows) {
        if (row.metric == metric && (row.flow == flow || row.flow.empty())) figure = figure_of(row);
      }
      if (figure) {
        const bool lower = metric->direction == Direction::lower_is_better;
        line.badness[i] = lower ? figure->value : -figure->value;
      }
      line.text += fmt::format(" {} |", figure ? figure_text(*metric, *figure) : "–");
    }
    line.text += '\n';
    lines_.push_back(std::move(line));
  }

  std::string header() const {
    std::string names = "| Cell | Flow | Good |";
    std::string rule = "|---|---|--:|";
    for (const auto* metric : columns_) {
      names += fmt::format(" {} |", metric->name);
      rule += "--:|";
    }
    return names + "\n" + rule + "\n";
  }

  const ExportWrite& write_;
  std::string title_;
  std::string command_;
  std::string origin_;
  std::vector<const Metric*> columns_;
  std::vector<Line> lines_;
  std::vector<std::string> remarks_;
};

}  // namespace

std::unique_ptr<Exporter> make_markdown_exporter(const ExportChoice&, const ExportWrite& write) {
  return std::make_unique<MarkdownExporter>(write);
}

}  // namespace netstall
