// netstall doctor: what this machine can do, with the mend for what it cannot.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "base/user_namespace.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/lab/leftovers.hpp"
#include "bench/lab/state_root.hpp"
#include "bench/observe/checks.hpp"
#include "bench/report/checks.hpp"
#include "bpf/support.hpp"

namespace netstall {
namespace {

struct DoctorOptions {
  bool json = false;
};

std::vector<Check> leftover_checks() {
  std::vector<Check> checks;
  const auto root = state_root();
  try {
    require_own_state_root(root);
  } catch (const Error& error) {
    return {{"leftovers", CheckResult::warn, error.what(), error.remedy()}};
  }
  for (const auto& remnant : leftovers(root)) {
    if (remnant.in_use) continue;
    checks.push_back({"leftovers", CheckResult::warn,
                      fmt::format("left by an earlier run: {}", to_text(remnant)),
                      "netstall restore"});
  }
  return checks;
}

std::vector<Check> probe_checks() {
  if (const auto why = why_no_bpf()) {
    return {{"probes", CheckResult::warn, *why,
             "without them stalls are measured by the workers' own clocks, without their cause"}};
  }
  std::vector<Check> checks;
  bool any = false;
  for (auto& [backend, why_not] : check_send_wait_backends()) {
    any = any || !why_not;
    checks.push_back({fmt::format("send_wait-{}", name_of(backend)),
                      why_not ? CheckResult::warn : CheckResult::pass,
                      why_not.value_or("loads and attaches"), ""});
  }
  for (auto& check : checks) {
    if (check.result == CheckResult::warn) {
      check.mend = any ? "none needed: another backend loads"
                       : "stalls are measured by the workers' own clocks, without their cause";
    }
  }
  for (const auto& probe : check_probes()) {
    const bool counter = info_of(probe.id).ladder.back().backend == ProbeBackend::counter;
    checks.push_back(
        {std::string(name_of(probe.id)), probe.backend ? CheckResult::pass : CheckResult::warn,
         probe.backend ? fmt::format("loads and attaches, by {}", name_of(*probe.backend))
                       : probe.why_not,
         probe.backend ? ""
         : counter     ? "none needed: counters of /proc stand in for it"
                       : "a report has null in its place, with this reason"});
  }
  return checks;
}

ExitStatus doctor(const DoctorOptions& options) {
  auto checks = host_checks();
  checks.push_back(user_namespace_check());
  auto left = leftover_checks();  // while this process is where runs leave things
  if (!may_make_namespaces() && checks.back().result == CheckResult::pass) enter_user_namespace();
  for (auto&& check : trial_checks("results")) checks.push_back(std::move(check));
  for (auto&& check : left) checks.push_back(std::move(check));
  for (auto&& check : probe_checks()) checks.push_back(std::move(check));
  if (options.json) {
    fmt::print("{}\n", checks_json(checks));
  } else {
    fmt::print("{}", checks_text(checks, wants_color(STDOUT_FILENO)));
  }
  const bool fails = std::any_of(checks.begin(), checks.end(), [](const Check& check) {
    return check.result == CheckResult::fail;
  });
  return fails ? ExitStatus::incapable : ExitStatus::ok;
}

}  // namespace

void add_doctor_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<DoctorOptions>();
  auto* command = app.add_subcommand("doctor", "Say what this machine can do, and how to mend it");
  command->add_flag("--json", options->json, "As JSON");
  command->callback([options, &action] { action = [options] { return doctor(*options); }; });
}

}  // namespace netstall
