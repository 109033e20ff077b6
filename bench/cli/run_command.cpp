// netstall run: a scenario from file to report.
#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/shell_word.hpp"
#include "base/units.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/guest.hpp"
#include "bench/cli/guest_arguments.hpp"
#include "bench/cli/live_campaign.hpp"
#include "bench/cli/live_page.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/cli/shipped.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/observe/environment.hpp"
#include "bench/observe/limits.hpp"
#include "bench/report/summary.hpp"
#include "bench/run/campaign.hpp"
#include "bench/run/journal.hpp"
#include "bench/verdict/expectations.hpp"
#include "bench/verdict/precision.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

struct RunOptions {
  ScenarioCommandOptions shared;
  ProbeOptions probes;
  std::string output;
  std::string page;
  bool resume = false;
  std::string guest;  // the kernel's version; empty: here
};

// Where report and journal go; the journal lies beside the report.
struct Paths {
  std::filesystem::path report;  // a regular file, there already or not; empty: see stream
  std::string stream;            // "-", or a device or pipe that is written as it is
  std::filesystem::path journal;
};

// The one journal of this scenario that a run without -o left.
std::filesystem::path journal_to_resume(const Campaign& campaign) {
  constexpr const char* kOperation = "resume a run";
  const auto left = journals_left("results", campaign.hash);
  if (left.size() == 1) return left.front();
  if (left.empty()) {
    throw Error(
        ErrorKind::usage, kOperation,
        "results/ has no journal of a killed or interrupted run of this scenario, with this "
        "profile and these settings",
        "name its report with -o, or run without --resume");
  }
  std::string names;
  for (const auto& path : left) names += "\n  " + path.string();
  throw Error(ErrorKind::usage, kOperation, "there are several journals of this scenario:" + names,
              "name the report of one, its file without .journal, with -o");
}

Paths choose_paths(const RunOptions& options, const Campaign& campaign) {
  if (options.resume && options.output.empty()) {
    Paths paths;
    paths.journal = journal_to_resume(campaign);
    paths.report = paths.journal;
    paths.report.replace_extension();
    return paths;
  }
  auto stamp = wall_clock_text();
  std::erase_if(stamp, [](char c) { return c == ':' || c == '-' || c == '.'; });
  const auto beside = fmt::format("{}-{}.json", campaign.base.name, stamp);
  Paths paths;
  // A device or a pipe cannot be replaced by a renamed file, nor have a journal beside it.
  std::error_code none;
  const auto type = std::filesystem::status(options.output, none).type();
  const bool special =
      type == std::filesystem::file_type::character || type == std::filesystem::file_type::fifo;
  if (options.output == "-" || special) {
    if (options.resume) {
      throw Error(ErrorKind::usage, "resume a run", "a stream has no journal beside it",
                  "name the report's file with -o");
    }
    paths.stream = options.output;
    paths.journal = std::filesystem::temp_directory_path() / fmt::format("{}.journal", beside);
  } else {
    paths.report = options.output.empty() ? std::filesystem::path("results") / beside
                                          : std::filesystem::path(options.output);
    if (options.output.empty()) std::filesystem::create_directories("results", none);
    paths.journal = paths.report.string() + ".journal";
  }
  return paths;
}

// Finds out before the run, not after it, that a report cannot be written there.
void require_writable(const std::filesystem::path& file, const char* option) {
  if (file.empty()) return;
  std::error_code none;
  if (std::filesystem::is_directory(file, none)) {
    throw Error(ErrorKind::usage, fmt::format("write {}", file.string()), "it is a folder",
                fmt::format("name a file with {}", option));
  }
  auto folder = file.parent_path();
  if (folder.empty()) folder = ".";
  if (!std::filesystem::is_directory(folder, none)) {
    throw Error(ErrorKind::usage, fmt::format("write {}", file.string()),
                fmt::format("there is no folder {}", folder.string()),
                fmt::format("make it, or name another with {}", option));
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw Error(ErrorKind::usage, fmt::format("write {}", file.string()), errno_text(errno),
                fmt::format("name a place that can be written with {}", option));
  }
}

// The answer first; then what was expected of it, and how to look at what was missed.
std::string summary_of(const Report& report, int fd, bool verbose) {
  auto text = summarize(report, {wants_color(fd), verbose});
  for (const auto& cell : report.cells) {
    if (cell.precision) text += fmt::format("     {} {}\n", cell.id, to_text(*cell.precision));
    for (const auto& result : cell.expectations) {
      text += fmt::format("{} {}: {}\n", result.passed ? "ok  " : "MISS", cell.id, to_text(result));
      if (result.passed) continue;
      text += fmt::format("     alone: {}\n", command_alone(report.command, cell.id, result));
    }
  }
  return text;
}

bool all_expectations_met(const Report& report) {
  for (const auto& cell : report.cells) {
    for (const auto& result : cell.expectations) {
      if (!result.passed) return false;
    }
  }
  return true;
}

void write_stream(const Paths& paths, const std::string& text) {
  Fd device;
  if (paths.stream != "-") device.reset(::open(paths.stream.c_str(), O_WRONLY | O_CLOEXEC));
  const int fd = paths.stream == "-" ? STDOUT_FILENO : device.get();
  const int error = fd < 0 ? errno : write_all(fd, text);
  if (error != 0) {
    throw_errno(fmt::format("write the report to {}", paths.stream), error,
                fmt::format("every finished repetition is in {}", paths.journal.string()));
  }
}

// Whether the journal is worth keeping: a run that a signal ended, whose report is a file.
bool can_be_resumed(const CampaignOutcome& outcome, const Paths& paths) {
  std::error_code none;
  return outcome.interrupted && !paths.report.empty() &&
         std::filesystem::exists(paths.journal, none);
}

void deliver(const Report& report, const Paths& paths, const RunOptions& options,
             const CampaignOutcome& outcome) {
  if (paths.report.empty()) {
    write_stream(paths, to_json(report));
  } else {
    try {
      replace_file(paths.report, to_json(report));
    } catch (const Error& error) {
      throw Error(error.kind(), "write the report", error.what(),
                  fmt::format("every finished repetition is in {}", paths.journal.string()));
    }
  }
  const bool resumable = can_be_resumed(outcome, paths);
  std::error_code none;
  if (!resumable) std::filesystem::remove(paths.journal, none);
  if (options.shared.quiet) return;
  if (paths.report.empty()) {
    fmt::print(stderr, "{}", summary_of(report, STDERR_FILENO, options.shared.verbose));
  } else {
    fmt::print("{}", summary_of(report, STDOUT_FILENO, options.shared.verbose));
    fmt::print("Report: {}\n", paths.report.string());
  }
  if (resumable) {
    fmt::print("To go on with it: {} --resume -o {}\n", report.command,
               shell_word(paths.report.string()));
  }
}

ExitStatus status_of(const CampaignOutcome& outcome, const Report& report) {
  if (outcome.interrupted) return ExitStatus::interrupted;
  if (outcome.any_failed || !outcome.not_restored.empty()) return ExitStatus::failed;
  if (outcome.all_skipped) return ExitStatus::incapable;
  return all_expectations_met(report) ? ExitStatus::ok : ExitStatus::missed;
}

std::vector<FinishedRepetition> finished_in(const Campaign& campaign, const Paths& paths) {
  std::vector<FinishedRepetition> finished;
  for (const auto& cell : read_journal(campaign, paths.journal)) {
    for (const auto& repetition : cell.repetitions) {
      if (repetition.status == Status::interrupted) continue;
      finished.push_back({repetition.cell, repetition.index, repetition.status});
    }
  }
  return finished;
}

bool has_until(const Campaign& campaign) {
  for (std::size_t i = 0; i < campaign.cells.size(); ++i) {
    if (campaign.cells.timing(i).until) return true;
  }
  return false;
}

// How long it will take, before it begins.
void announce(const Campaign& campaign, const Plan& plan,
              const std::vector<FinishedRepetition>& finished) {
  const auto time = time_of(campaign, plan, finished);
  const bool adaptive = has_until(campaign);
  fmt::print(stderr, "{}: {}{} of {}{}, {} {}\n", campaign.base.name, adaptive ? "at most " : "",
             counted(plan.order.size(), "repetition"), counted(campaign.cells.size(), "cell"),
             finished.empty() ? "" : fmt::format(", {} of them finished", finished.size()),
             adaptive ? "at most about" : "about",
             human_duration(static_cast<double>(time.count())));
}

ExitStatus run_here(const RunOptions& options) {
  const auto campaign = load_campaign(options.shared);
  require_host_sysctl_allowed(campaign, options.shared);
  require_sound_expectations(campaign);
  const auto plan = make_plan(campaign, read_limits(), options.shared.seed);
  const auto privileges = take_privileges();
  const auto paths = choose_paths(options, campaign);
  require_writable(paths.report, "-o");
  require_writable(options.page, "--page");

  if (options.resume) require_resumable(campaign, plan, options.probes.mode, paths.journal);
  const auto history = options.resume ? read_journal_history(paths.journal) : JournalHistory{};
  const auto started_at = options.resume ? history.head.started_at : wall_clock_text();
  const auto command = command_to_run(options.shared, options.probes);
  if (!options.shared.quiet) {
    announce(campaign, plan,
             options.resume ? finished_in(campaign, paths) : std::vector<FinishedRepetition>{});
  }
  LivePage page(options.page, campaign, plan, started_at, paths.journal, command, privileges);
  const auto outcome = run_live(
      campaign, plan, options.shared, options.probes.mode, privileges, paths.journal,
      [&page](const CampaignProgress& progress) { page.follow(progress); }, options.resume, true);
  auto report = report_of(campaign, plan.seed, started_at, read_journal(campaign, paths.journal),
                          command, privileges);
  if (options.resume) {
    const auto resumed_at = read_journal_history(paths.journal).resumed_at;
    report.environment["run.resumed_at"] = fmt::format("{}", fmt::join(resumed_at, ", "));
  }
  deliver(report, paths, options, outcome);
  page.finish(report, paths.report.empty() ? campaign.base.name : paths.report.string());
  return status_of(outcome, report);
}

void refuse_beside_guest(const RunOptions& options) {
  const auto refuse = [](const char* option, const char* why, const char* remedy) {
    throw Error(ErrorKind::usage, fmt::format("take {} with --guest", option), why, remedy);
  };
  if (options.resume) {
    refuse("--resume", "a guest that ended has left nothing to go on with",
           "run the cells that are missing, with --cell");
  }
  if (!options.page.empty()) {
    refuse("--page", "the guest's report is here when all is over",
           "make the page of it then: netstall report FILE -o X.html");
  }
}

ExitStatus run_in_guest(const RunOptions& options) {
  refuse_beside_guest(options);
  require_kernel_name(options.guest);
  const auto campaign = load_campaign(options.shared);
  require_sound_expectations(campaign);
  const auto plan = make_plan(campaign, guest_limits(), options.shared.seed);
  auto paths = choose_paths(options, campaign);
  require_writable(paths.report, "-o");

  const auto shipped = Shipped::beside_program();
  const auto scenario = std::filesystem::absolute(find_scenario(options.shared.scenario, shipped));
  auto run = guest_run_of(options.shared, options.probes, scenario);
  run.kernel = options.guest;
  for (const Cell cell : campaign.cells) {
    const auto& limit = cell.scenario.lab.tcp_memory_limit;
    run.cgroup_v1 = run.cgroup_v1 || limit.client || limit.server;
  }
  run.memory_bytes = plan.budget.kernel_memory_bytes + plan.budget.user_memory_bytes;
  run.time = time_of(campaign, plan, {});
  Guest guest(shipped, std::move(run));
  GuestOutcome outcome;
  {
    LiveLine live(!options.shared.quiet);
    outcome = guest.run([&](std::size_t finished) {
      live.show(fmt::format("[{}/{}] Linux {}", finished, plan.order.size(), options.guest));
    });
  }
  if (!outcome.report) return outcome.status;
  auto& report = *outcome.report;
  report.environment["run.guest"] =
      fmt::format("Linux {}, emulated by QEMU on Linux {}", options.guest,
                  read_environment().at("kernel.release"));
  report.command = fmt::format("{} --guest {}", command_to_run(options.shared, options.probes),
                               shell_word(options.guest));
  paths.journal = guest.report_file();
  try {
    deliver(report, paths, options, {});
  } catch (const Error&) {
    guest.keep();
    throw;
  }
  return outcome.status;
}

ExitStatus run(const RunOptions& options) {
  return options.guest.empty() ? run_here(options) : run_in_guest(options);
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand("run", "Run a scenario and write its report");
  add_scenario_options(*command, options->shared);
  add_cell_option(*command, options->shared);
  add_probe_option(*command, options->probes);
  command
      ->add_option("-o,--output", options->output,
                   "Report file; '-' is stdout (default: results/NAME-TIME.json)")
      ->type_name("FILE");
  command
      ->add_option("--page", options->page,
                   "Page to write, and to write anew as repetitions finish; an open one follows")
      ->type_name("X.html");
  command->add_flag("--resume", options->resume,
                    "Go on with a run that was killed or interrupted: what its journal, beside the "
                    "report, holds is not run again");
  command
      ->add_option("--guest", options->guest,
                   "Run in a throw-away guest (QEMU) with this kernel, as 6.12: for what this "
                   "machine's kernel lacks, and for host-wide settings, which need no leave there")
      ->type_name("KERNEL");
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace netstall
