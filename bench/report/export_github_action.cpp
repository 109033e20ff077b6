// What github-action-benchmark takes as customSmallerIsBetter: a list of named
// values. Each is one more alarm that can be false, so these are the gating metrics
// unless others are named.
#include <fmt/format.h>

#include <string>

#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"

namespace netstall {
namespace {

class GithubActionExporter final : public Exporter {
 public:
  explicit GithubActionExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    head_ = head;
    write_("[");
  }

  void cell(const ExportCell& cell) override {
    std::string rows;
    for (const auto& row : cell.samples.rows) {
      const auto figure = figure_of(row);
      if (!figure) continue;
      const auto name = series_name(head_, cell, row.flow) + " " + row.metric->name;
      const auto range =
          fmt::format("{} to {}", number_text(figure->lowest), number_text(figure->highest));
      const auto extra = fmt::format("{} ({} of {} repetitions)", row.metric->meaning,
                                     row.metric->yes_no ? "share" : "median", figure->repetitions);
      rows += fmt::format(
          "{}\n  {{ \"name\": {}, \"unit\": \"{}\", \"value\": {}, \"range\": \"{}\", "
          "\"extra\": {} }}",
          any_ ? "," : "", json_string(name), name_of(row.metric->unit), number_text(figure->value),
          range, json_string(extra));
      any_ = true;
    }
    write_(rows);
  }

  void end() override { write_("\n]\n"); }

 private:
  const ExportWrite& write_;
  ExportHead head_;
  bool any_ = false;
};

}  // namespace

std::unique_ptr<Exporter> make_github_action_exporter(const ExportChoice&,
                                                      const ExportWrite& write) {
  return std::make_unique<GithubActionExporter>(write);
}

}  // namespace netstall
