// netstall-stage: a lab for scripts that compare. It holds two namespaces, in which a
// script starts what it likes, and netstall's own workers when it is told to. Its first
// line tells where they are; then it takes one line at a time,
//   run SCENARIO [POINTER=VALUE…]    the scenario's flows, for its warm-up and window
//   hold SCENARIO [POINTER=VALUE…]   the same, but first a line when all connections
//                                    stand; their traffic begins after a line `go`
//   connect N                        bare loops connect N connections
// and answers by a line of JSON. It ends with its input. Needs root.
//   netstall-stage [NAME=VALUE…]     sysctls of both namespaces
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <filesystem>
#include <iostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "bench/benchmarks/floor.hpp"
#include "bench/benchmarks/stage.hpp"
#include "model/scenario_json.hpp"

namespace netstall {
namespace {

void answer(const std::string& line) {
  std::cout << line << std::endl;
}

std::string number_of(const std::optional<std::uint64_t>& value) {
  return value ? fmt::to_string(*value) : "null";
}

std::string percentiles_of(const std::optional<Histogram>& histogram) {
  if (!histogram) return "null";
  return fmt::format(R"({{"p50":{},"p99":{},"max":{},"count":{}}})",
                     number_of(histogram->percentile_if_resolved(50)),
                     number_of(histogram->percentile_if_resolved(99)), number_of(histogram->max()),
                     histogram->count());
}

std::string json_of(const StageFigures& figures, const Timing& timing) {
  std::vector<std::string> flows;
  for (const auto& flow : figures.flows) {
    flows.push_back(fmt::format(
        R"({{"connections":{},"goodput_bytes_per_s":{},"messages":{},"acked_latency_ns":{}}})",
        flow.connections_established,
        flow.goodput_bytes_per_s ? fmt::to_string(*flow.goodput_bytes_per_s) : "null",
        number_of(flow.messages), percentiles_of(flow.acked_latency)));
  }
  return fmt::format(
      R"({{"window_ns":{},"cpu_ns":{},"connecting_ns":{},"workers":{},"memory_before_bytes":{},)"
      R"("memory_connected_bytes":{},"flows":[{}]}})",
      timing.measure.count(), figures.cpu.count(), figures.connecting.count(), figures.workers,
      figures.memory_before, figures.memory_connected, fmt::join(flows, ","));
}

void carry(const Stage& stage, std::istringstream& words, bool holds) {
  std::string path;
  words >> path;
  ScenarioOptions options;
  for (std::string word; words >> word;) options.overrides.push_back(parse_override(word));
  const auto scenario = load_scenario(path, options).base;
  Stage::WhenConnected hold;
  if (holds) {
    hold = [](const std::vector<pid_t>& pids) {
      answer(fmt::format(R"({{"connected":true,"workers":[{}]}})", fmt::join(pids, ",")));
      std::string line;
      std::getline(std::cin, line);
      if (line != "go") throw Error(ErrorKind::usage, "hold connections", "no line \"go\" came");
    };
  }
  const auto turn = stage.turn();
  answer(json_of(stage.run(scenario, hold), scenario.timing));
}

void serve(const Stage& stage, const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "run" || command == "hold") return carry(stage, words, command == "hold");
  std::uint64_t connections = 0;
  if (command == "connect" && words >> connections && connections > 0) {
    const auto turn = stage.turn();
    return answer(
        fmt::format(R"({{"connecting_ns":{}}})", connect_floor(stage, connections).count()));
  }
  throw Error(ErrorKind::usage, line, "run SCENARIO, hold SCENARIO or connect N is known");
}

SysctlSpec sysctls_of(int argc, char** argv) {
  SysctlSpec sysctls;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto equals = word.find('=');
    if (equals == 0 || equals == std::string_view::npos) {
      throw Error(ErrorKind::usage, fmt::format("read the argument '{}'", word),
                  "a sysctl is written NAME=VALUE");
    }
    for (const auto side : {Side::client, Side::server}) {
      sysctls.side[side].emplace(word.substr(0, equals), word.substr(equals + 1));
    }
  }
  return sysctls;
}

int run(const SysctlSpec& sysctls) {
  const Stage stage(sysctls);
  const auto& lab = stage.lab();
  const auto place = [&](Side side) {
    return fmt::format(R"("{}":{{"netns":"/proc/{}/fd/{}","address":"{}"}})", name_of(side),
                       ::getpid(), lab.netns(side).fd(), lab.address(side, Family::ipv4));
  };
  answer(fmt::format("{{{},{}}}", place(Side::client), place(Side::server)));
  for (std::string line; std::getline(std::cin, line);) {
    if (!line.empty()) serve(stage, line);
  }
  return 0;
}

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  if (const auto status = netstall::serve_stage(argc, argv)) return *status;
  return netstall::guarded_stage("netstall-stage",
                                 [&] { return netstall::run(netstall::sysctls_of(argc, argv)); });
}
