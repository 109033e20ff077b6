// What a repetition pays for its lab: up and down, and the guardian once a run.
// At most 100 ms a lab. Needs root; changes nothing outside its own namespaces.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "base/file.hpp"
#include "base/netns.hpp"
#include "base/process.hpp"
#include "bench/lab/cgroup_place.hpp"
#include "bench/lab/lab.hpp"
#include "bench/lab/sysctl.hpp"

namespace netstall {
namespace {

std::filesystem::path run_root() {
  return std::filesystem::temp_directory_path() / "netstall-lab-bench";
}

bool may_run(benchmark::State& state, bool limit) {
  if (::geteuid() != 0) {
    state.SkipWithError("needs root");
  } else if (const auto why = why_no_tcp_memory_limit(); limit && why) {
    state.SkipWithError(why->c_str());
  } else {
    return true;
  }
  return false;
}

void up_and_down(benchmark::State& state, const LabSpec& lab, const SysctlSpec& sysctls) {
  if (!may_run(state, lab.tcp_memory_limit.server.has_value())) return;
  const auto exe = open_own_executable();
  auto guardian = Guardian::start(run_root(), exe.get());
  for ([[maybe_unused]] const auto _ : state) {
    Lab made(lab, sysctls, guardian);
    if (!made.tear_down().empty()) state.SkipWithError("something is not put back");
  }
}

void bm_lab(benchmark::State& state) {
  up_and_down(state, {}, {});
}

void bm_lab_with_limit_and_sysctls(benchmark::State& state) {
  LabSpec lab;
  lab.tcp_memory_limit.server = Bytes{std::uint64_t{1} << 20};
  SysctlSpec sysctls;
  for (const auto side : {Side::client, Side::server}) {
    sysctls.side[side].emplace("net.ipv4.tcp_rmem", "4096 131072 6291456");
    sysctls.side[side].emplace("net.ipv4.tcp_wmem", "4096 16384 4194304");
  }
  up_and_down(state, lab, sysctls);
}

// The first hundred of a new namespace's own IPv4 sysctls that may be written as they are.
SysctlMap hundred_sysctls(const SysctlTree& tree, const Netns& netns) {
  const ScopedNetns inside(netns);
  SysctlMap values;
  for (const auto& entry : std::filesystem::directory_iterator(tree.root / "net/ipv4")) {
    const auto text = try_read_file(entry.path());
    if (!text || trimmed(*text).empty() || values.size() == 100) continue;
    if (write_kernel_file(entry.path(), *text) != 0) continue;
    values.emplace("net.ipv4." + entry.path().filename().string(), trimmed(*text));
  }
  return values;
}

// Each is read, written, read back and compared, and then the same to put it back: at most
// 20 ms for both sides. (A lab leaves the second to the end of its namespaces.)
void bm_a_hundred_sysctls_there_and_back(benchmark::State& state) {
  if (!may_run(state, false)) return;
  const SysctlTree tree;
  const PerSide<Netns> sides{Netns::create(), Netns::create()};
  const auto values = hundred_sysctls(tree, sides.client);
  for ([[maybe_unused]] const auto _ : state) {
    for (int way = 0; way < 2; ++way) {
      write_side_sysctls(tree, sides.client, Side::client, values);
      write_side_sysctls(tree, sides.server, Side::server, values);
    }
  }
  state.counters["sysctls"] = static_cast<double>(values.size());
}

void bm_guardian(benchmark::State& state) {
  if (!may_run(state, false)) return;
  const auto exe = open_own_executable();
  for ([[maybe_unused]] const auto _ : state) {
    auto guardian = Guardian::start(run_root(), exe.get());
    if (!guardian.finish().empty()) state.SkipWithError("something is not put back");
  }
}

BENCHMARK(bm_lab)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(bm_lab_with_limit_and_sysctls)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(bm_a_hundred_sysctls_there_and_back)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(bm_guardian)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
}  // namespace netstall

int main(int argc, char** argv) {
  if (argc > 0 && std::string_view(argv[0]) == netstall::kGuardianName) {
    return netstall::guardian_main();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  std::error_code ignored;
  std::filesystem::remove_all(netstall::run_root(), ignored);
}
