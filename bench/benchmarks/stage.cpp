#include "bench/benchmarks/stage.hpp"

#include <fmt/format.h>

#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "bench/observe/limits.hpp"
#include "bench/run/crew.hpp"
#include "bench/run/flow_results.hpp"
#include "loadgen/worker.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr auto kSampleEvery = 100ms;
constexpr auto kTurnDeadline = 6h;  // other runs' windows may be long and many

// Figures of fewer connections would answer another question.
void require_all(const std::vector<FlowResult>& flows) {
  for (const auto& flow : flows) {
    const auto alive = flow.connections_alive.value_or(flow.connections_established);
    if (alive == flow.connections_requested) continue;
    std::string causes;
    for (const auto* counts : {&flow.connections_failed, &flow.errors}) {
      for (const auto& [name, count] : *counts) causes += fmt::format(", {} {}", count, name);
    }
    throw Error(ErrorKind::failed, fmt::format("carry flow {}", flow.name),
                fmt::format("{} of {} connections were there to the end{}", alive,
                            flow.connections_requested, causes));
  }
}

}  // namespace

Stage::Stage(const SysctlSpec& sysctls)
    : exe_(open_own_executable()),
      root_(kRunRoot),
      guardian_(Guardian::start(root_, exe_.get())),
      lab_(std::in_place, LabSpec{}, sysctls, guardian_) {}

Stage::~Stage() = default;

MachineLock Stage::turn() const {
  return MachineLock(root_ / "window.lock", Deadline(kTurnDeadline),
                     [this] { return interrupts_.pending(); });
}

StageFigures Stage::run(const Scenario& scenario, const WhenConnected& when_connected) const {
  const auto place = [this](Side side) {
    return CrewPlace{
        &lab_->netns(side), lab_->cgroup_procs(side), lab_->address(side, Family::ipv4), {}};
  };
  const PerSide<CrewPlace> places{place(Side::client), place(Side::server)};
  const auto assignment = assign(scenario, read_limits());
  const CrewOptions options{exe_.get(), 1, {}};
  Crew crew(assignment, scenario, places, options, interrupts_);
  crew.prepare();
  StageFigures figures;
  const auto began = mono_now();
  const auto connected = crew.connect();
  figures.connecting = mono_now() - began;
  require_all(join_results(scenario, assignment, connected, {}, scenario.timing.measure));
  if (when_connected) when_connected(crew.pids());
  const auto window = crew.go(scenario.timing.warmup, scenario.timing.measure, kSampleEvery);
  crew.attend(window.to, {});
  const auto results = crew.results({});
  figures.flows = join_results(scenario, assignment, connected, results, scenario.timing.measure);
  crew.close();
  require_all(figures.flows);
  return figures;
}

std::optional<int> serve_stage(int argc, char** argv) {
  const std::string_view name = argc > 0 ? argv[0] : "";
  if (name == kWorkerName) return worker_main();
  if (name == kGuardianName) return guardian_main();
  return std::nullopt;
}

}  // namespace netstall
