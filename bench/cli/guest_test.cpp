#include "bench/cli/guest.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "bench/cli/guest_arguments.hpp"

namespace netstall {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::Not;

TEST(Guest, KernelsAreStartsOfVersions) {
  for (const auto* kernel : {"6.1", "6.12", "6.12.9+bpo", "6.1.0-38"}) {
    EXPECT_NO_THROW(require_kernel_name(kernel)) << kernel;
  }
  for (const auto* kernel : {"", "6", "6.", ".1", "new", "-v", "6.1/../x", "6.1 2", "6.x"}) {
    EXPECT_THROW(require_kernel_name(kernel), Error) << kernel;
  }
}

TEST(Guest, TakesTheCommandLineWithLeaveForHostWideSettings) {
  ScenarioCommandOptions options;
  options.scenario = "x.json";
  options.set = {"/timing/measure=1s"};
  options.cells = {"0"};
  options.profile = "c1m";
  options.seed = 7;
  options.quiet = true;
  const auto run = guest_run_of(options, {ProbeMode::off}, "/tmp/a/b/x.json");
  EXPECT_THAT(run.arguments,
              ElementsAre("run", "/tmp/a/b/x.json", "--allow-host-sysctl", "--seed=7",
                          "--set=/timing/measure=1s", "--cell=0", "--profile=c1m",
                          "--tcp-mem-floor=none", "--tcp-mem-time=none", "--probes=off", "-q"));
  EXPECT_THAT(run.shown, ElementsAre("/tmp/a/b", "/tmp/a"));
}

TEST(Guest, ALimitThatWasGivenIsKept) {
  ScenarioCommandOptions options;
  options.tcp_mem_floor = "16MiB";
  const auto run = guest_run_of(options, {}, "/x.json");
  EXPECT_THAT(run.arguments, Contains("--tcp-mem-floor=16MiB"));
  EXPECT_THAT(run.arguments, Not(Contains("--tcp-mem-floor=none")));
}

}  // namespace
}  // namespace netstall
