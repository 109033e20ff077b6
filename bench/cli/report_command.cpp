// netstall report: one page of one report or several.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/verdict_options.hpp"
#include "bench/report/page.hpp"
#include "model/report_stream.hpp"

namespace netstall {
namespace {

struct ReportOptions {
  std::vector<std::string> files;
  std::string output;
  bool allow_environment_change = false;
};

void add_report(Page& page, const std::string& file) {
  page.begin_report(file);
  try {
    page.end_report(
        stream_report(file, page.wanted_parts(), [&](CellResult&& cell) { page.add_cell(cell); }));
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, file, error.what(), error.remedy());
  }
}

ExitStatus write_page(const ReportOptions& options) {
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
  write_output(options.output, page.finish());
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
      ->required()
      ->type_name("X.html");
  command->add_flag(
      "--allow-environment-change", options->allow_environment_change,
      "Give verdicts although kernel, CPU, sysctls or scenario differ; the page says so");
  command->callback([options, &action] { action = [options] { return write_page(*options); }; });
}

}  // namespace netstall
