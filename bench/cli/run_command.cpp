// netstall run: a scenario from file to report.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/live_campaign.hpp"
#include "bench/cli/live_page.hpp"
#include "bench/cli/scenario_options.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/observe/limits.hpp"
#include "bench/report/summary.hpp"
#include "bench/run/campaign.hpp"
#include "bench/verdict/expectations.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

struct RunOptions {
  ScenarioCommandOptions shared;
  ProbeOptions probes;
  std::string output;
  std::string page;
};

// Where report and journal go; the journal lies beside the report.
struct Paths {
  std::filesystem::path report;  // a regular file, there already or not; empty: see stream
  std::string stream;            // "-", or a device or pipe that is written as it is
  std::filesystem::path journal;
};

Paths choose_paths(const RunOptions& options, const Campaign& campaign) {
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
std::string summary_of(const Report& report, int fd) {
  auto text = summarize(report, {wants_color(fd)});
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

void deliver(const Report& report, const Paths& paths, const RunOptions& options) {
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
  std::error_code none;
  std::filesystem::remove(paths.journal, none);
  if (options.shared.quiet) return;
  if (paths.report.empty()) {
    fmt::print(stderr, "{}", summary_of(report, STDERR_FILENO));
  } else {
    fmt::print("{}", summary_of(report, STDOUT_FILENO));
    fmt::print("Report: {}\n", paths.report.string());
  }
}

ExitStatus status_of(const CampaignOutcome& outcome, const Report& report) {
  if (outcome.interrupted) return ExitStatus::interrupted;
  if (outcome.any_failed || !outcome.not_restored.empty()) return ExitStatus::failed;
  if (outcome.all_skipped) return ExitStatus::incapable;
  return all_expectations_met(report) ? ExitStatus::ok : ExitStatus::missed;
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

  const auto started_at = wall_clock_text();
  const auto command = command_to_run(options.shared, options.probes);
  LivePage page(options.page, campaign, plan, started_at, paths.journal, command);
  const auto outcome =
      run_live(campaign, plan, options.shared, options.probes.mode, paths.journal,
               [&page](const CampaignProgress& progress) { page.follow(progress); });
  const auto report =
      report_of(campaign, plan.seed, started_at, read_journal(campaign, paths.journal), command);
  deliver(report, paths, options);
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
  command->callback([options, &action] { action = [options] { return run(*options); }; });
}

}  // namespace netstall
