// Comma-separated values (RFC 4180): a row per good repetition, flow group and
// metric, in long form, so that files of different scenarios can be put together.
#include <fmt/format.h>

#include <string>

#include "base/printable.hpp"
#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"

namespace netstall {
namespace {

// A field of text. Spreadsheets take what begins like a formula for one, quoted or
// not, and run it: an apostrophe in front makes it text.
std::string field(std::string_view text) {
  auto shown = printable(text);
  if (!shown.empty() && std::string_view("=+-@").find(shown[0]) != std::string_view::npos) {
    shown.insert(shown.begin(), '\'');
  }
  if (shown.find_first_of(",\"") == std::string::npos) return shown;
  std::string quoted = "\"";
  for (const char c : shown) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

class CsvExporter final : public Exporter {
 public:
  explicit CsvExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    scenario_ = field(head.scenario);
    write_(
        "scenario,cell,parameters,repetition,order,started_at,flow,metric,unit,better,value\r\n");
  }

  void cell(const ExportCell& cell) override {
    const auto of_cell = fmt::format("{},{},{}", scenario_, field(cell.result.id),
                                     field(json_object(cell.result.parameters)));
    const auto good = good_repetitions(cell.result);
    for (std::size_t i = 0; i < good.size(); ++i) {
      const auto of_repetition = fmt::format("{},{},{},{}", of_cell, good[i]->index, good[i]->order,
                                             field(good[i]->started_at));
      std::string rows;
      for (const auto& row : cell.samples.rows) {
        const auto& value = row.values[i];
        rows += fmt::format("{},{},{},{},{},{}\r\n", of_repetition, field(row.flow),
                            row.metric->name, name_of(row.metric->unit), better_text(*row.metric),
                            value ? number_text(*value) : "");
      }
      write_(rows);
    }
  }

  void end() override {}

 private:
  const ExportWrite& write_;
  std::string scenario_;
};

}  // namespace

std::unique_ptr<Exporter> make_csv_exporter(const ExportChoice&, const ExportWrite& write) {
  return std::make_unique<CsvExporter>(write);
}

}  // namespace netstall
