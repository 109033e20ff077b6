#include "bench/benchmarks/scenario_benchmarks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "base/error.hpp"
#include "base/printable.hpp"
#include "bench/cli/live_campaign.hpp"
#include "bench/observe/limits.hpp"
#include "bench/run/campaign.hpp"
#include "bench/verdict/expectations.hpp"
#include "bench/verdict/samples.hpp"
#include "bench/verdict/statistics.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

// A folder that nobody else can write to, for one journal. A journal that was not
// taken away stays, and so does the folder: finished repetitions are in it.
class JournalFolder {
 public:
  JournalFolder() {
    path_ = (fs::temp_directory_path() / "netstall-bench-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw_errno(fmt::format("make {}", path_), errno);
  }
  JournalFolder(const JournalFolder&) = delete;
  JournalFolder& operator=(const JournalFolder&) = delete;
  ~JournalFolder() {
    std::error_code none;
    if (fs::file_size(journal(), none) == 0) fs::remove(journal(), none);
    ::rmdir(path_.c_str());
  }
  fs::path journal() const { return fs::path(path_) / "journal"; }

 private:
  std::string path_;
};

// The options as `netstall run` would have them for one scenario, with more settings.
ScenarioCommandOptions shared_of(const BenchOptions& options, std::size_t scenario,
                                 const std::vector<std::string>& more) {
  auto shared = options.shared;
  shared.scenario = options.scenarios[scenario].string();
  shared.set.insert(shared.set.end(), more.begin(), more.end());
  return shared;
}

Campaign load(const BenchOptions& options, std::size_t scenario,
              const std::vector<std::string>& more = {}) {
  return load_campaign(shared_of(options, scenario, more));
}

std::string name_of_cell(const Campaign& campaign, const std::string& id) {
  return printable(fmt::format("{}/{}", campaign.base.name, id));
}

// The cells of one scenario that are wanted; all want the same number of repetitions.
struct Wanted {
  std::vector<CellBenchmark*> cells;
  std::size_t repetitions = 0;
};

Wanted wanted_of(std::vector<CellBenchmark>& benchmarks, std::size_t scenario) {
  Wanted wanted;
  for (auto& benchmark : benchmarks) {
    if (benchmark.scenario != scenario || benchmark.wanted == 0) continue;
    wanted.cells.push_back(&benchmark);
    wanted.repetitions = std::max(wanted.repetitions, benchmark.wanted);
  }
  return wanted;
}

struct ScenarioOutcome {
  bool interrupted = false;
  bool failed = false;
  bool skipped = false;  // all of it
  bool missed = false;
};

// `command` runs the scenario as it was run here.
void take_results(const Campaign& campaign, std::vector<CellResult> results, const Wanted& wanted,
                  const std::string& command, ScenarioOutcome& outcome) {
  for (auto& result : results) {
    std::sort(result.repetitions.begin(), result.repetitions.end(),
              [](const Repetition& a, const Repetition& b) { return a.index < b.index; });
  }
  const ExpectationJudge judge(results);
  for (auto* benchmark : wanted.cells) {
    const auto& result = results.at(benchmark->cell);
    const auto expect = campaign.cells[benchmark->cell].scenario.expect;
    for (const auto& judged : judge.judge(expect, result)) {
      if (judged.passed) continue;
      outcome.missed = true;
      fmt::print(stderr, "MISS {}: {}\n     alone: {}\n", benchmark->name, to_text(judged),
                 command_alone(command, result.id, judged));
    }
  }
  for (auto* benchmark : wanted.cells) benchmark->result = std::move(results[benchmark->cell]);
}

ScenarioOutcome run_scenario(const BenchOptions& options, std::size_t scenario,
                             const Wanted& wanted, const Privileges& privileges) {
  const auto repetitions = fmt::format("/timing/repetitions={}", wanted.repetitions);
  const auto campaign = load(options, scenario, {repetitions});
  auto plan = make_plan(campaign, read_limits(), options.shared.seed);
  std::set<std::uint32_t> cells;
  for (const auto* benchmark : wanted.cells)
    cells.insert(static_cast<std::uint32_t>(benchmark->cell));
  // Google Benchmark says how many: /timing/until has no say.
  std::erase_if(plan.order, [&](const PlannedRepetition& planned) {
    return !cells.contains(planned.cell) || planned.index >= wanted.repetitions;
  });

  const JournalFolder folder;
  const auto ran =
      run_live(campaign, plan, options.shared, options.probes.mode, privileges, folder.journal());
  ScenarioOutcome outcome{ran.interrupted, ran.any_failed || !ran.not_restored.empty(),
                          ran.all_skipped, false};
  if (ran.interrupted) {
    fmt::print(stderr, "netstall: every finished repetition is in {}\n", folder.journal().string());
    return outcome;
  }
  take_results(campaign, read_journal(campaign, folder.journal()), wanted,
               command_to_run(shared_of(options, scenario, {repetitions}), options.probes),
               outcome);
  fs::remove(folder.journal());
  return outcome;
}

std::string counter_name(const std::string& flow, const Metric& metric) {
  return flow.empty() ? metric.name : fmt::format("{}:{}", printable(flow), metric.name);
}

bool is_shown(const Metric& metric) {
  return metric.role == Role::gating ||
         (metric.role == Role::reported && metric.name.starts_with("stall."));
}

// Metrics and flow groups (empty: the whole) that have a counter.
std::vector<SampleRow> counter_rows(const Repetition& repetition) {
  std::vector<SampleRow> rows;
  for (const auto& metric : metrics()) {
    if (is_shown(metric)) rows.push_back({&metric, {}});
  }
  if (repetition.flows.size() < 2) return rows;
  for (const auto& flow : repetition.flows) {
    for (const auto& metric : metrics()) {
      const bool gating = metric.role == Role::gating && metric.scope == Scope::any;
      if (gating) rows.push_back({&metric, flow.name});
    }
  }
  return rows;
}

void read_into(std::vector<SampleRow>& rows, const Repetition& repetition) {
  std::map<std::string, RepetitionView> views;
  for (auto& row : rows) {
    auto& view = views.try_emplace(row.flow, repetition, row.flow).first->second;
    row.values.push_back(read_metric(*row.metric, view).value);
  }
}

std::vector<const Repetition*> good_of(const CellResult& result) {
  std::vector<const Repetition*> good;
  for (const auto& repetition : result.repetitions) {
    if (repetition.status == Status::ok) good.push_back(&repetition);
  }
  return good;
}

}  // namespace

std::vector<CellBenchmark> list_benchmarks(const BenchOptions& options) {
  std::vector<CellBenchmark> benchmarks;
  std::set<std::string> names;
  for (std::size_t scenario = 0; scenario < options.scenarios.size(); ++scenario) {
    const auto campaign = load(options, scenario);
    require_host_sysctl_allowed(campaign, options.shared);
    require_sound_expectations(campaign);
    std::size_t index = 0;
    for (const Cell cell : campaign.cells) {
      auto name = name_of_cell(campaign, cell.id);
      if (!names.insert(name).second) {
        throw Error(ErrorKind::usage, "list the benchmarks",
                    fmt::format("there are two of the name {}", name),
                    "give the scenarios different names");
      }
      benchmarks.push_back({std::move(name), scenario, index++, 0, 0, {}});
    }
  }
  return benchmarks;
}

ExitStatus run_benchmarks(const BenchOptions& options, std::vector<CellBenchmark>& benchmarks) {
  const auto privileges = take_privileges();
  bool failed = false;
  bool missed = false;
  bool all_skipped = true;
  for (std::size_t scenario = 0; scenario < options.scenarios.size(); ++scenario) {
    const auto wanted = wanted_of(benchmarks, scenario);
    if (wanted.cells.empty()) continue;
    const auto outcome = run_scenario(options, scenario, wanted, privileges);
    if (outcome.interrupted) return ExitStatus::interrupted;
    failed |= outcome.failed;
    missed |= outcome.missed;
    all_skipped &= outcome.skipped;
  }
  if (failed) return ExitStatus::failed;
  if (all_skipped) return ExitStatus::incapable;
  return missed ? ExitStatus::missed : ExitStatus::ok;
}

Counters counters_of(const Repetition& repetition) {
  Counters counters{{"failed", repetition.status == Status::ok ? 0 : 1},
                    {"order", static_cast<double>(repetition.order)}};
  if (repetition.status != Status::ok) return counters;
  auto rows = counter_rows(repetition);
  read_into(rows, repetition);
  for (const auto& row : rows) {
    if (row.values[0]) counters[counter_name(row.flow, *row.metric)] = *row.values[0];
  }
  return counters;
}

Counters median_counters(const CellResult& result) {
  const auto good = good_of(result);
  if (good.empty()) return {};
  auto rows = counter_rows(*good.front());
  for (const auto* repetition : good) read_into(rows, *repetition);
  Counters counters{{"failed", static_cast<double>(result.repetitions.size() - good.size())}};
  for (const auto& row : rows) {
    if (const auto figure = figure_of(row)) {
      counters[counter_name(row.flow, *row.metric)] = figure->value;
    }
  }
  return counters;
}

double median_seconds(const CellResult& result) {
  std::vector<double> seconds;
  for (const auto* repetition : good_of(result)) {
    seconds.push_back(static_cast<double>(repetition->duration_ns) / 1e9);
  }
  return median(seconds);
}

}  // namespace netstall
