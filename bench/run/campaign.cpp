#include "bench/run/campaign.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "bench/run/interrupts.hpp"
#include "bench/run/journal.hpp"
#include "model/cost.hpp"

namespace netstall {
namespace {

// For the tests of the unwinding alone: NETSTALL_KILL_AT names the step at which
// the controller kills itself, as if somebody had.
StepHook step_hook_from_environment() {
  const char* step = std::getenv("NETSTALL_KILL_AT");
  if (step == nullptr) return {};
  return [wanted = std::string(step)](std::string_view reached) {
    if (reached == wanted) ::kill(::getpid(), SIGKILL);
  };
}

Nanoseconds expected_length(const Timing& timing) {
  return timing.ramp + timing.warmup + timing.measure + Nanoseconds(kOverheadNs);
}

// How much of the plan, from position `next` on, is left.
Nanoseconds time_left(const Campaign& campaign, const Plan& plan, std::size_t next) {
  Nanoseconds left{0};
  for (std::size_t i = next; i < plan.order.size(); ++i) {
    left += expected_length(campaign.cells.timing(plan.order[i].cell));
  }
  return left;
}

bool ends_the_campaign(const std::optional<Error>& error) {
  return error && (error->kind() == ErrorKind::usage || error->kind() == ErrorKind::incapable);
}

// Tells of every phase of a repetition, and of its window as it goes. `left`: of the
// whole campaign, now that the repetition begins.
void follow(RunContext& context, const CampaignOptions& options, const CampaignProgress& begin,
            Nanoseconds left) {
  const auto now = std::make_shared<CampaignProgress>(begin);
  const auto tell = [&options, now, left, begun = mono_now()] {
    now->left = std::max(Nanoseconds(0), left - (mono_now() - begun));
    options.progress(*now);
  };
  context.progress = [now, tell](const std::string& phase) {
    now->phase = phase;
    now->glance.reset();
    tell();
  };
  context.glance = [now, tell](const Glance& glance) {
    now->glance = glance;
    tell();
  };
}

}  // namespace

void require_privileges() {
  if (::geteuid() == 0) return;
  throw Error(ErrorKind::incapable, "make a lab", "this needs root (namespaces, cgroups, eBPF)",
              "run it with sudo; `netstall plan` and `netstall doctor` work without");
}

CampaignOutcome run_campaign(const Campaign& campaign, const Plan& plan,
                             const CampaignOptions& options) {
  require_privileges();
  const Interrupts interrupts;
  const Fd exe = open_own_executable();
  Journal journal(options.journal, campaign);
  for (const auto& line : restore_leftovers(options.state_root).sentences) {
    if (options.warn) options.warn(line);
  }
  const auto hook = step_hook_from_environment();
  auto guardian = Guardian::start(options.state_root, exe.get(), hook);

  CampaignOutcome outcome;
  std::size_t skipped = 0;
  std::size_t good = 0;
  for (std::size_t next = 0;
       next < plan.order.size() && !outcome.interrupted && !outcome.journal_error; ++next) {
    const auto& planned = plan.order[next];
    const Cell cell = campaign.cells[planned.cell];
    RunContext context{options.probes, plan.seed + next, exe.get(), options.state_root,
                       hook,           options.say,      {},        {}};
    if (options.progress) {
      follow(context, options, {next, plan.order.size(), cell.id, planned.index},
             time_left(campaign, plan, next));
    }
    auto [repetition, error] = run_repetition(cell.scenario, *plan.assignments[planned.cell],
                                              context, guardian, interrupts);
    // Bad input and a missing privilege will not mend themselves. But after a good
    // repetition it is one cell's trouble, and the others are worth their figures.
    if (ends_the_campaign(error) && good == 0 && repetition.not_restored.empty()) throw *error;
    repetition.cell = planned.cell;
    repetition.index = planned.index;
    repetition.order = static_cast<std::uint32_t>(next);
    try {
      journal.append(repetition);
    } catch (const Error& journal_error) {
      outcome.journal_error = journal_error;
    }
    outcome.interrupted = repetition.status == Status::interrupted;
    outcome.any_failed |= repetition.status == Status::failed;
    good += repetition.status == Status::ok ? 1 : 0;
    skipped += repetition.status == Status::skipped ? 1 : 0;
    outcome.not_restored.insert(outcome.not_restored.end(), repetition.not_restored.begin(),
                                repetition.not_restored.end());
  }
  outcome.all_skipped = skipped == plan.order.size();
  const auto left = guardian.finish();
  outcome.not_restored.insert(outcome.not_restored.end(), left.begin(), left.end());
  return outcome;
}

}  // namespace netstall
