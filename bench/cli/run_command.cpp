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
#include "bench/cli/live_campaign.hpp"
#include "bench/cli/live_page.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/observe/limits.hpp"
#include "bench/report/summary.hpp"
#include "bench/run/campaign.hpp"
#include "bench/run/journal.hpp"
#include "bench/verdict/expectations.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

struct RunOptions {
  ScenarioCommandOptions shared;
  ProbeOptions probes;
  std::string output;
  std::string page;
  bool resume = false;
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

// How long it will take, before it begins.
void announce(const Campaign& campaign, const Plan& plan,
              const std::vector<FinishedRepetition>& finished) {
  const auto time = time_of(campaign, plan, finished);
  fmt::print(stderr, "{}: {} repetitions of {} cells{}, about {}\n", campaign.base.name,
             plan.order.size(), campaign.cells.size(),
             finished.empty() ? "" : fmt::format(", {} of them finished", finished.size()),
             human_duration(static_cast<double>(time.count())));
}

ExitStatus run(const RunOptions& options) {
  const auto campaign = load_campaign(options.shared);
  require_host_sysctl_allowed(campaign, options.shared);
  require_sound_expectations(campaign);
  const auto plan = make_plan(campaign, read_limits(), options.shared.seed);
  require_privileges();
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
  LivePage page(options.page, campaign, plan, started_at, paths.journal, command);
  const auto outcome = run_live(
      campaign, plan, options.shared, options.probes.mode, paths.journal,
      [&page](const CampaignProgress& progress) { page.follow(progress); }, options.resume);
  auto report =
      report_of(campaign, plan.seed, started_at, read_journal(campaign, paths.journal), command);
  if (options.resume) {
    const auto resumed_at = read_journal_history(paths.journal).resumed_at;
    report.environment["run.resumed_at"] = fmt::format("{}", fmt::join(resumed_at, ", "));
  }
  deliver(report, paths, options, outcome);
  page.finish(report, paths.report.empty() ? campaign.base.name : paths.report.string());
  return status_of(outcome, report);
}

}  // namespace

void add_run_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<RunOptions>();
  auto* command = app.add_subcommand("run", "Run a scenario and write its report (needs root)");
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
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace netstall
