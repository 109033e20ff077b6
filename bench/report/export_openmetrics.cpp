// OpenMetrics text: a gauge family per metric in base units, a sample per cell and
// flow group. A family stands together, so samples are kept until the end.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/printable.hpp"
#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"

namespace netstall {
namespace {

struct BaseUnit {
  std::string_view name;  // the end of the family's name; empty: none
  double scale;           // what one of the catalogue's units is of it
};

BaseUnit base_unit(Unit unit) {
  switch (unit) {
    case Unit::ns:
      return {"seconds", 1e-9};
    case Unit::bytes:
      return {"bytes", 1};
    case Unit::bytes_per_s:
      return {"bytes_per_second", 1};
    case Unit::per_s:
      return {"per_second", 1};
    case Unit::one:
      break;
  }
  return {"", 1};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

struct Family {
  const Metric* metric = nullptr;
  std::string name;
  std::string samples;
};

std::string family_name(const Metric& metric) {
  auto name = "netstall_" + metric.name;
  std::replace(name.begin(), name.end(), '.', '_');
  const auto unit = base_unit(metric.unit).name;
  return unit.empty() ? name : fmt::format("{}_{}", name, unit);
}

class OpenMetricsExporter final : public Exporter {
 public:
  explicit OpenMetricsExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    scenario_ = escaped(head.scenario);
    const auto kernel = head.environment.find("kernel.release");
    write_(fmt::format(
        "# TYPE netstall_run info\n# HELP netstall_run What was run, and where.\n"
        "netstall_run_info{{scenario=\"{}\",scenario_hash=\"{}\",version=\"{}\",revision=\"{}\","
        "kernel=\"{}\",seed=\"{}\",started_at=\"{}\"}} 1\n",
        scenario_, escaped(head.scenario_hash), escaped(head.tool.version),
        escaped(head.tool.revision),
        kernel == head.environment.end() ? "" : escaped(kernel->second), head.seed,
        escaped(head.started_at)));
  }

  void cell(const ExportCell& cell) override {
    const auto labels =
        fmt::format("scenario=\"{}\",cell=\"{}\"", scenario_, escaped(cell.result.id));
    good_ +=
        fmt::format("netstall_good_repetitions{{{}}} {}\n", labels, cell.samples.indices.size());
    for (const auto& row : cell.samples.rows) {
      const auto figure = figure_of(row);
      if (!figure) continue;
      auto& family = family_of(*row.metric);
      family.samples +=
          fmt::format("{}{{{},flow=\"{}\"}} {}\n", family.name, labels, escaped(row.flow),
                      number_text(figure->value * base_unit(row.metric->unit).scale));
    }
  }

  void end() override {
    write_(
        fmt::format("# TYPE netstall_good_repetitions gauge\n"
                    "# HELP netstall_good_repetitions Repetitions that the figures are of.\n{}",
                    good_));
    for (const auto& family : families_) {
      const auto unit = base_unit(family.metric->unit).name;
      auto text = fmt::format("# TYPE {} gauge\n", family.name);
      if (!unit.empty()) text += fmt::format("# UNIT {} {}\n", family.name, unit);
      text += fmt::format("# HELP {} {} {}: {} is better.\n{}", family.name,
                          escaped(family.metric->meaning),
                          family.metric->yes_no ? "Share of repetitions" : "Median of repetitions",
                          better_text(*family.metric), family.samples);
      write_(text);
    }
    write_("# EOF\n");
  }

 private:
  // In the order in which they are first seen, which is the selection's.
  Family& family_of(const Metric& metric) {
    for (auto& family : families_) {
      if (family.metric == &metric) return family;
    }
    return families_.emplace_back(Family{&metric, family_name(metric), {}});
  }

  const ExportWrite& write_;
  std::string scenario_;
  std::string good_;
  std::vector<Family> families_;
};

}  // namespace

std::unique_ptr<Exporter> make_openmetrics_exporter(const ExportChoice&, const ExportWrite& write) {
  return std::make_unique<OpenMetricsExporter>(write);
}

}  // namespace netstall
