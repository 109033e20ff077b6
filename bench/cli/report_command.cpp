// netstall report: one page of one report or several, and its plots as files.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/cli/browser.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/cli/verdict_options.hpp"
#include "bench/report/page.hpp"
#include "bench/report/plots.hpp"
#include "model/report_stream.hpp"

namespace netstall {
namespace {

struct ReportOptions {
  std::vector<std::string> files;
  std::string output;
  std::string plots;
  bool allow_environment_change = false;
};

void add_report(Page& page, const std::string& file) {
  page.begin_report(file);
  try {
    page.end_report(digest_report(file, page.wanted_parts(), [&page](const CellResult& cell) {
      return [&page, made = page.cell_of(cell)]() mutable { page.add(std::move(made)); };
    }));
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, file, error.what(), error.remedy());
  }
}

// The page's own drawings: a browser makes them, so that there is no second one.
void write_plots(const std::string& page, const std::string& folder) {
  const auto plots = plots_of(browsed(page, kPlotsFragment));
  for (const auto& [name, svg] : plots) replace_file(std::filesystem::path(folder) / name, svg);
}

// Before the reports are read, which may take a while.
void require_plots_possible(const std::string& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (!std::filesystem::is_directory(folder)) {
    throw Error(ErrorKind::usage, fmt::format("write plots to {}", folder),
                failed ? failed.message() : std::string("it is a file"), "name a folder");
  }
}

ExitStatus write_page(const ReportOptions& options) {
  if (options.output.empty() && options.plots.empty()) {
    throw Error(ErrorKind::usage, "make a page", "neither -o nor --plots is given",
                "name the page with -o X.html, a folder for its plots with --plots DIR, or both");
  }
  if (!options.plots.empty()) require_plots_possible(options.plots);
  PageOptions how;
  how.allow_environment_change = options.allow_environment_change;
  how.written_at = wall_clock_text();
  std::uint64_t bytes = 0;
  for (const auto& file : options.files) {
    std::error_code none;  // what cannot be read is said when it is
    const auto size = std::filesystem::file_size(file, none);
    if (!none) bytes += size;
  }
  how.detail = detail_of_bytes(bytes);
  Page page(std::move(how));
  for (const auto& file : options.files) add_report(page, file);
  const auto text = page.finish();
  if (!options.output.empty()) write_output(options.output, text);
  if (!options.plots.empty()) write_plots(text, options.plots);
  return ExitStatus::ok;
}

}  // namespace

void add_report_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ReportOptions>();
  auto* command = app.add_subcommand("report", "Make one self-contained HTML page of reports");
  command->add_option("file", options->files, "Reports; several are compared with the first")
      ->required()
      ->type_name("FILE.json");
  command->add_option("-o,--output", options->output, "Page to write; '-' is stdout")
      ->type_name("X.html");
  command
      ->add_option("--plots", options->plots,
                   "Write each plot of the page as SVG into this folder (needs Chromium)")
      ->type_name(kFolderValue);
  command->add_flag(
      "--allow-environment-change", options->allow_environment_change,
      "Give verdicts although kernel, CPU, sysctls or scenario differ; the page says so");
  command->callback([options, &action] { action = [options] { return write_page(*options); }; });
}

}  // namespace netstall
