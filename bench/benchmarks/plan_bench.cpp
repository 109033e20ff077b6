// What a large sweep costs before anything runs: read, resolved cell by cell, planned. At
// most 1 s and 200 MB for 100,000 cells.
#include <benchmark/benchmark.h>

#include <fstream>
#include <string>

#include "model/plan.hpp"
#include "model/scenario_json.hpp"

namespace netstall {
namespace {

// Five axes of ten values, two repetitions a cell.
std::string sweep_of_100_000() {
  std::string axes;
  const auto add = [&axes](const std::string& pointer, auto value_of) {
    axes += (axes.empty() ? "\"" : ", \"") + pointer + "\": [";
    for (int i = 1; i <= 10; ++i) axes += (i == 1 ? "" : ", ") + value_of(i);
    axes += "]";
  };
  const auto text = [](const std::string& value) { return "\"" + value + "\""; };
  add("/sysctl/server/net.ipv4.tcp_wmem",
      [&](int i) { return text("4096 16384 " + std::to_string(i << 20)); });
  add("/sysctl/client/net.ipv4.tcp_rmem",
      [&](int i) { return text("4096 131072 " + std::to_string(i << 20)); });
  add("/flows/0/socket/sndbuf", [](int i) { return std::to_string(i << 14); });
  add("/flows/0/payload/fixed", [](int i) { return std::to_string(i << 10); });
  add("/flows/0/connections", [](int i) { return std::to_string(100 * i); });
  return R"({"schema": 1, "flows": [{"name": "a", "connections": 1, "payload": {"fixed": 1}, "socket": {}}],
      "timing": {"repetitions": 2}, "sweep": {)" +
         axes + "}}";
}

// The most memory that this process has had, in MB; 0 where /proc does not say.
double peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024 / 1e6;
  }
  return 0;
}

void bm_plan_100_000_cells(benchmark::State& state) {
  const auto text = sweep_of_100_000();
  std::size_t cells = 0;
  for ([[maybe_unused]] const auto _ : state) {
    const auto parsed = parse_scenario(text, "sweep", {});
    if (!parsed.faults.empty()) {
      state.SkipWithError(to_text(parsed.faults.front()).c_str());
      return;
    }
    const auto plan = make_plan(*parsed.campaign, {}, 1);
    cells = plan.assignments.size();
    benchmark::DoNotOptimize(plan);
  }
  state.counters["cells"] = static_cast<double>(cells);
  state.counters["peak_MB"] = peak_memory();
}

// And what a plan shows of them: each cell made once.
void bm_make_100_000_cells(benchmark::State& state) {
  const auto parsed = parse_scenario(sweep_of_100_000(), "sweep", {});
  for ([[maybe_unused]] const auto _ : state) {
    std::size_t flows = 0;
    for (const Cell cell : parsed.campaign->cells) flows += cell.scenario.flows.size();
    benchmark::DoNotOptimize(flows);
  }
  state.counters["peak_MB"] = peak_memory();
}

BENCHMARK(bm_plan_100_000_cells)->Unit(benchmark::kMillisecond);
BENCHMARK(bm_make_100_000_cells)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace netstall
