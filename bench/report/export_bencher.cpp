// Bencher Metric Format: benchmark → measure → value with its bounds. A benchmark is
// a cell and flow group, a measure a metric of the catalogue.
#include <fmt/format.h>

#include <map>
#include <string>

#include "base/error.hpp"
#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"

namespace netstall {
namespace {

// What Bencher takes for a benchmark's name, in characters; these are bytes.
constexpr std::size_t kLongestName = 1024;

class BencherExporter final : public Exporter {
 public:
  explicit BencherExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    head_ = head;
    write_("{");
  }

  void cell(const ExportCell& cell) override {
    std::map<std::string, std::string> measures;  // by flow group
    for (const auto& row : cell.samples.rows) {
      const auto figure = figure_of(row);
      if (!figure) continue;
      auto& of_flow = measures[row.flow];
      of_flow += fmt::format(
          "{}\n    \"{}\": {{ \"value\": {}, \"lower_value\": {}, \"upper_value\": {} }}",
          of_flow.empty() ? "" : ",", row.metric->name, number_text(figure->value),
          number_text(figure->lowest), number_text(figure->highest));
    }
    for (const auto& [flow, text] : measures) {
      const auto name = series_name(head_, cell, flow);
      if (name.size() > kLongestName) {
        throw Error(ErrorKind::usage, "export a report",
                    fmt::format("the name of cell {} is longer than Bencher takes ({} characters)",
                                cell.result.id, kLongestName),
                    "give the sweep's axes labels");
      }
      write_(fmt::format("{}\n  {}: {{{}\n  }}", any_ ? "," : "", json_string(name), text));
      any_ = true;
    }
  }

  void end() override { write_("\n}\n"); }

 private:
  const ExportWrite& write_;
  ExportHead head_;
  bool any_ = false;
};

}  // namespace

std::unique_ptr<Exporter> make_bencher_exporter(const ExportChoice&, const ExportWrite& write) {
  return std::make_unique<BencherExporter>(write);
}

}  // namespace netstall
