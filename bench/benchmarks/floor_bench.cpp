// netstall's generators against the floor: bare loops of send(), recv() and epoll_wait()
// that do nothing else, in one lab, the two taking turns. `ratio` is the median of
// netstall over the floor next to it; `cpu_ratio` that of the work a second of CPU time of
// both sides does, which a busy machine moves less. Needs root; some minutes.
//   floor_bench [--rounds=N] [--window=SECONDS] [--benchmark_…]
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "bench/benchmarks/floor.hpp"
#include "bench/benchmarks/stage.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kWriteBytes = 16384;
constexpr std::uint32_t kExchangeBytes = 64;
constexpr auto kWarmup = 300ms;

struct Options {
  int rounds = 8;
  Nanoseconds window = 1s;
};

Scenario scenario_of(const FloorSpec& spec, Io io, const Options& options) {
  FlowGroup flow;
  flow.name = "flow";
  flow.connections = spec.connections;
  flow.payload.fixed = flow.response.fixed = Bytes{spec.bytes};
  flow.io = io;
  if (spec.work == FloorWork::stream_threads) flow.reader.io = ReaderIo::blocking;
  if (spec.work == FloorWork::request_response) flow.pattern = Pattern::request_response;
  if (spec.work == FloorWork::connect) {
    // As the bare loop: TIME_WAIT of one round would be in the way of the next.
    flow.pattern = Pattern::connect;
    flow.closes = Side::client;
    flow.socket.linger = 0s;
  }
  Scenario scenario;
  scenario.flows = {flow};
  scenario.timing.ramp = 0ns;
  scenario.timing.warmup = kWarmup;
  scenario.timing.measure = options.window;
  return scenario;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::vector<double> quotients(const std::vector<double>& upper, const std::vector<double>& lower) {
  std::vector<double> values;
  for (std::size_t i = 0; i < upper.size(); ++i) values.push_back(upper[i] / lower[i]);
  return values;
}

// One iteration is a round: both, in turns in another order.
void compare(benchmark::State& state, const Stage& stage, const FloorSpec& spec, Io io,
             const Options& options) {
  const bool exchanges = counts_exchanges(spec.work);
  const auto scenario = scenario_of(spec, io, options);
  std::vector<double> floors;
  std::vector<double> ours;
  std::vector<double> floor_costs;  // CPU seconds a byte or an exchange
  std::vector<double> our_costs;
  const auto seconds = static_cast<double>(options.window.count()) / 1e9;
  const auto keep = [&](double per_s, Nanoseconds cpu, auto& rates, auto& costs) {
    if (per_s <= 0) throw Error(ErrorKind::failed, "measure", "nothing arrived in a window");
    rates.push_back(per_s);
    costs.push_back(static_cast<double>(cpu.count()) / 1e9 / (per_s * seconds));
  };
  const auto run_bare = [&] {
    const auto figures = run_floor(stage, spec, kWarmup, options.window);
    keep(exchanges ? figures.exchanges_per_s : figures.bytes_per_s, figures.cpu, floors,
         floor_costs);
  };
  const auto run_netstall = [&] {
    const auto figures = stage.run(scenario);
    const auto& flow = figures.flows.at(0);
    keep(exchanges ? static_cast<double>(flow.messages.value()) / seconds
                   : flow.goodput_bytes_per_s.value(),
         figures.cpu, ours, our_costs);
  };
  for ([[maybe_unused]] const auto _ : state) {
    try {
      const auto turn = stage.turn();
      if (ours.size() % 2 == 0) {
        run_bare();
        run_netstall();
      } else {
        run_netstall();
        run_bare();
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::interrupted) throw;
      state.SkipWithError(error.what());
      return;
    }
    state.SetIterationTime(seconds);
  }
  const auto ratios = quotients(ours, floors);
  state.counters["floor/s"] = median(floors);
  state.counters["netstall/s"] = median(ours);
  state.counters["ratio"] = median(ratios);
  state.counters["lowest"] = *std::min_element(ratios.begin(), ratios.end());
  state.counters["highest"] = *std::max_element(ratios.begin(), ratios.end());
  state.counters["cpu_ratio"] = median(quotients(floor_costs, our_costs));
}

void register_one(const std::string& name, const Stage& stage, const FloorSpec& spec, Io io,
                  const Options& options) {
  benchmark::RegisterBenchmark(fmt::format("{}/{}", name, spec.connections).c_str(),
                               [&stage, spec, io, &options](benchmark::State& state) {
                                 compare(state, stage, spec, io, options);
                               })
      ->UseManualTime()
      ->Unit(benchmark::kMillisecond)
      ->Iterations(options.rounds);
}

void register_all(const Stage& stage, const Options& options) {
  for (const auto connections : {1U, 16U, 100U}) {
    register_one("stream_blocking", stage, {FloorWork::stream_blocking, connections, kWriteBytes},
                 Io::blocking, options);
    register_one("stream_threads", stage, {FloorWork::stream_threads, connections, kWriteBytes},
                 Io::blocking, options);
    const FloorSpec reactor{FloorWork::stream_epoll, connections, kWriteBytes};
    register_one("stream_nonblocking", stage, reactor, Io::nonblocking, options);
    // Against the same floor: that of a program which waits by epoll.
    register_one("stream_io_uring", stage, reactor, Io::io_uring, options);
  }
  for (const auto connections : {1U, 100U, 1'000U, 10'000U}) {
    register_one("request_response", stage,
                 {FloorWork::request_response, connections, kExchangeBytes}, Io::nonblocking,
                 options);
  }
  for (const auto connections : {1U, 16U, 100U}) {
    register_one("connect", stage, {FloorWork::connect, connections, kExchangeBytes},
                 Io::nonblocking, options);
  }
}

// Takes our own flags, and leaves Google Benchmark's.
Options take_options(int& argc, char** argv) {
  Options options;
  int kept = 1;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const auto value = flag.substr(std::min(flag.size(), flag.find('=') + 1));
    if (flag.starts_with("--rounds=")) {
      options.rounds = std::atoi(value.data());
    } else if (flag.starts_with("--window=")) {
      options.window = Nanoseconds(static_cast<std::int64_t>(std::atof(value.data()) * 1e9));
    } else {
      argv[kept++] = argv[i];
      continue;
    }
    if (options.rounds < 1 || options.window <= 0ns) {
      throw Error(ErrorKind::usage, std::string(flag), "a number above 0 is needed");
    }
  }
  argc = kept;
  return options;
}

int run(int argc, char** argv) {
  const auto options = take_options(argc, argv);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const Stage stage;
  register_all(stage, options);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  if (const auto status = netstall::serve_stage(argc, argv)) return *status;
  return netstall::guarded_stage("floor_bench", [&] { return netstall::run(argc, argv); });
}
