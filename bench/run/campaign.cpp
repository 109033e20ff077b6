#include "bench/run/campaign.hpp"

#include <fmt/format.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/process.hpp"
#include "bench/run/interrupts.hpp"
#include "bench/run/journal.hpp"
#include "bench/run/memory_at_rest.hpp"
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

using namespace std::chrono_literals;

// A million connections with data needed 15 to 20 s, and fell all the time.
constexpr auto kMemoryPatience = 3s;
constexpr auto kMemorySettles = 500ms;  // when a run begins
constexpr auto kMemoryDeadline = 60s;

// Which places of a plan's order need not be run again.
std::vector<bool> places_done(const Plan& plan, const std::vector<FinishedRepetition>& finished) {
  std::set<std::pair<std::uint32_t, std::uint32_t>> done;
  for (const auto& repetition : finished) done.emplace(repetition.cell, repetition.index);
  std::vector<bool> places;
  places.reserve(plan.order.size());
  for (const auto& planned : plan.order) {
    places.push_back(done.contains({planned.cell, planned.index}));
  }
  return places;
}

// How much of the plan, from position `next` on, is left.
Nanoseconds time_left(const Campaign& campaign, const Plan& plan, const std::vector<bool>& done,
                      std::size_t next) {
  Nanoseconds left{0};
  for (std::size_t i = next; i < plan.order.size(); ++i) {
    if (!done[i]) left += expected_length(campaign.cells.timing(plan.order[i].cell));
  }
  return left;
}

std::string kernel_release() {
  struct utsname names {};
  return ::uname(&names) == 0 ? names.release : "unknown";
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

JournalHead journal_head_of(const Campaign& campaign, const Plan& plan,
                            const CampaignOptions& options) {
  auto cells = campaign.selection ? campaign.selection->indices : std::vector<std::uint32_t>{};
  return {campaign.hash, std::move(cells), plan.seed, options.probes,
          options.tool,  kernel_release(), {}};
}

Nanoseconds time_of(const Campaign& campaign, const Plan& plan,
                    const std::vector<FinishedRepetition>& finished) {
  return time_left(campaign, plan, places_done(plan, finished), 0);
}

CampaignOutcome run_campaign(const Campaign& campaign, const Plan& plan,
                             const CampaignOptions& options) {
  const Interrupts interrupts;
  const Fd exe = open_own_executable();
  Journal journal(options.journal, journal_head_of(campaign, plan, options),
                  options.resume ? JournalStart::resumed : JournalStart::fresh);
  for (const auto& line : restore_leftovers(options.privileges.state_root).sentences) {
    if (options.warn) options.warn(line);
  }
  const auto hook = step_hook_from_environment();
  auto guardian = Guardian::start(options.privileges.state_root, exe.get(), hook);
  auto memory = tcp_memory_at_rest();
  memory.settle(interrupts, kMemorySettles, kMemoryDeadline);

  CampaignOutcome outcome;
  std::size_t skipped = 0;
  std::size_t left_out = 0;
  std::size_t good = 0;
  const auto count = [&](Status status) {
    outcome.interrupted = status == Status::interrupted;
    outcome.any_failed |= status == Status::failed;
    good += status == Status::ok ? 1 : 0;
    skipped += status == Status::skipped ? 1 : 0;
  };
  for (const auto& finished : journal.finished()) count(finished.status);
  std::size_t done = journal.finished().size();
  const auto places = places_done(plan, journal.finished());
  for (std::size_t next = 0;
       next < plan.order.size() && !outcome.interrupted && !outcome.journal_error; ++next) {
    if (places[next]) continue;
    const auto& planned = plan.order[next];
    if (options.enough && planned.index >= campaign.cells.timing(planned.cell).repetitions &&
        options.enough(planned.cell, planned.index)) {
      ++left_out;
      continue;
    }
    const Cell cell = campaign.cells[planned.cell];
    RunContext context;
    context.probes = options.probes;
    context.seed = plan.seed + next;
    context.exe_fd = exe.get();
    context.privileges = options.privileges;
    context.step_hook = hook;
    context.say = options.say;
    context.warn = options.warn;
    if (options.progress) {
      follow(context, options, {done, plan.order.size(), cell.id, planned.index},
             time_left(campaign, plan, places, next));
    }
    if (context.progress) context.progress("wait for TCP's memory");
    if (const auto held = memory.await(interrupts, kMemoryPatience, kMemoryDeadline)) {
      if (options.warn) options.warn(fmt::format("before repetition {}: {}", done + 1, *held));
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
    count(repetition.status);
    ++done;
    outcome.not_restored.insert(outcome.not_restored.end(), repetition.not_restored.begin(),
                                repetition.not_restored.end());
  }
  outcome.all_skipped = skipped + left_out == plan.order.size();
  const auto left = guardian.finish();
  outcome.not_restored.insert(outcome.not_restored.end(), left.begin(), left.end());
  return outcome;
}

}  // namespace netstall
