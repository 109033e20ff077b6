#include "bench/benchmarks/stage.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
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

Nanoseconds total_cpu_time(const std::vector<pid_t>& pids) {
  Nanoseconds sum{0};
  for (const auto pid : pids) sum += cpu_time_of(pid);
  return sum;
}

std::uint64_t memory_of(const std::vector<pid_t>& pids) {
  constexpr std::string_view kKey = "RssAnon:";
  std::uint64_t bytes = 0;
  for (const auto pid : pids) {
    const auto text = read_file(fmt::format("/proc/{}/status", pid));
    const auto at = text.find(kKey);
    if (at == std::string::npos)
      throw Error(ErrorKind::failed, "read a worker's memory", "no RssAnon");
    bytes += std::strtoull(text.c_str() + at + kKey.size(), nullptr, 10) * 1024;
  }
  return bytes;
}

}  // namespace

Nanoseconds cpu_time_of(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (const int error_number = ::clock_getcpuclockid(pid, &clock)) {
    throw_errno("find the CPU clock of a process", error_number);
  }
  if (::clock_gettime(clock, &time) != 0) throw_errno("read the CPU time of a process", errno);
  return std::chrono::seconds(time.tv_sec) + Nanoseconds(time.tv_nsec);
}

Stage::Stage(const SysctlSpec& sysctls)
    : exe_(open_own_executable()),
      root_(kRunRoot),
      guardian_(Guardian::start(root_, exe_.get())),
      lab_(std::in_place, LabSpec{}, sysctls, guardian_) {}

Stage::~Stage() = default;

MachineLock Stage::turn() const {
  return MachineLock(root_ / "window.lock", Deadline(kTurnDeadline),
                     {[this] { return interrupts_.pending(); }});
}

StageFigures Stage::run(const Scenario& scenario, const WhenConnected& when_connected) const {
  const auto place = [this](Side side) {
    return CrewPlace{
        &lab_->netns(side), lab_->cgroup_procs(side), lab_->address(side, Family::ipv4), {}, {}};
  };
  const CrewPlaces places{{place(Side::client)}, place(Side::server)};
  const auto assignment = assign(scenario, read_limits());
  const CrewOptions options{exe_.get(), 1, {}};
  Crew crew(assignment, scenario, places, options, interrupts_);
  crew.prepare();
  StageFigures figures;
  figures.workers = crew.pids().size();
  figures.memory_before = memory_of(crew.pids());
  const auto began = mono_now();
  const auto connected = crew.connect();
  figures.connecting = mono_now() - began;
  require_all(join_results(scenario, assignment, connected, {}, scenario.timing.measure));
  figures.memory_connected = memory_of(crew.pids());
  if (when_connected) when_connected(crew.pids());
  const auto window = crew.go(scenario.timing.warmup, scenario.timing.measure, kSampleEvery);
  crew.attend(window.from, {});
  const auto cpu = total_cpu_time(crew.pids());
  crew.attend(window.to, {});
  figures.cpu = total_cpu_time(crew.pids()) - cpu;
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

int guarded_stage(const char* program, const std::function<int()>& body) {
  try {
    return body();
  } catch (const Error& error) {
    fmt::print(stderr, "{}: {}\n", program, error.what());
    if (!error.remedy().empty()) fmt::print(stderr, "{}\n", error.remedy());
    switch (error.kind()) {
      case ErrorKind::usage:
        return 2;
      case ErrorKind::incapable:
        return 4;
      case ErrorKind::failed:
        return 5;
      case ErrorKind::interrupted:
        return 130;
    }
    return 5;
  }
}

}  // namespace netstall
