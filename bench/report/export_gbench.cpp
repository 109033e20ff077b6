// Google Benchmark's JSON, for compare.py and what else reads it. Such readers see
// times alone, so that each time is a benchmark of its own, with the median over the
// good repetitions as its real time; figures that are no times have no row.
#include <fmt/format.h>

#include <string>

#include "bench/report/export_text.hpp"
#include "bench/report/exporters.hpp"

namespace netstall {
namespace {

std::string fact(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? std::string() : found->second;
}

class GbenchExporter final : public Exporter {
 public:
  explicit GbenchExporter(const ExportWrite& write) : write_(write) {}

  void begin(const ExportHead& head) override {
    head_ = head;
    write_(
        fmt::format("{{\n  \"context\": {{\n    \"date\": {},\n    \"executable\": "
                    "\"netstall\",\n    \"netstall_version\": {},\n    "
                    "\"netstall_scenario_hash\": {},\n    \"netstall_seed\": \"{}\",\n    "
                    "\"kernel\": {},\n    \"cpu\": {},\n    \"caches\": []\n  }},\n"
                    "  \"benchmarks\": [",
                    json_string(head.started_at), json_string(head.tool.version),
                    json_string(head.scenario_hash), head.seed,
                    json_string(fact(head.environment, "kernel.release")),
                    json_string(fact(head.environment, "cpu.model"))));
  }

  void cell(const ExportCell& cell) override {
    std::size_t instance = 0;
    std::string rows;
    for (const auto& row : cell.samples.rows) {
      const auto figure = figure_of(row);
      if (!figure) continue;
      const auto name = json_string(series_name(head_, cell, row.flow) + "/" + row.metric->name);
      // Readers need a CPU time; nothing used the CPU here, and 0 would be a measurement.
      const auto time = number_text(figure->value);
      rows += fmt::format(
          "{}\n    {{ \"name\": {}, \"family_index\": {}, \"per_family_instance_index\": {}, "
          "\"run_name\": {}, \"run_type\": \"iteration\", \"repetitions\": 1, "
          "\"repetition_index\": 0, \"threads\": 1, \"iterations\": 1, \"real_time\": {}, "
          "\"cpu_time\": {}, \"time_unit\": \"ns\", \"lowest\": {}, \"highest\": {}, "
          "\"good_repetitions\": {} }}",
          any_ ? "," : "", name, family_, instance++, name, time, time, number_text(figure->lowest),
          number_text(figure->highest), figure->repetitions);
      any_ = true;
    }
    ++family_;
    write_(rows);
  }

  void end() override { write_("\n  ]\n}\n"); }

 private:
  const ExportWrite& write_;
  ExportHead head_;
  std::size_t family_ = 0;
  bool any_ = false;
};

}  // namespace

std::unique_ptr<Exporter> make_gbench_exporter(const ExportChoice&, const ExportWrite& write) {
  return std::make_unique<GbenchExporter>(write);
}

}  // namespace netstall
