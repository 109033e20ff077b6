// netstall export: a report in the formats of other tools.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/report/export.hpp"
#include "model/report_stream.hpp"

namespace netstall {
namespace {

struct ExportOptions {
  std::string file;
  std::string format;
  std::string output = "-";
  ExportChoice choice;
};

// Where the exported text goes: a file that is there whole or not at all, or a
// stream, which gets what there is until an error ends it.
class Output {
 public:
  explicit Output(const std::string& path) : name_(path == "-" ? "the standard output" : path) {
    std::error_code none;
    const auto status = std::filesystem::status(path, none);
    if (path == "-") {
      stream_ = STDOUT_FILENO;
    } else if (std::filesystem::is_directory(status)) {
      throw Error(ErrorKind::usage, fmt::format("write {}", path), "it is a folder",
                  "name a file with -o");
    } else if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) {
      device_.reset(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
      if (!device_) throw_errno(fmt::format("write {}", path), errno);
      stream_ = device_.get();
    } else {
      try {
        file_.emplace(path);
      } catch (const Error& error) {
        throw Error(ErrorKind::usage, "export a report", error.what(), "name another file with -o");
      }
    }
  }

  void write(std::string_view text) {
    if (file_) return file_->write(text);
    if (const int error = write_all(stream_, text)) {
      throw_errno(fmt::format("write to {}", name_), error);
    }
  }
  void commit() {
    if (file_) file_->commit();
  }

 private:
  std::string name_;
  int stream_ = -1;
  Fd device_;
  std::optional<FileReplacement> file_;
};

// Reads the report once in outline, for what does not hang on a cell, and once cell by
// cell: it need not fit into memory.
void export_cells(const std::string& file, Export& exporting) {
  std::error_code none;
  if (std::filesystem::exists(file, none) && !std::filesystem::is_regular_file(file, none)) {
    throw Error(ErrorKind::usage, file, "it is no file, and a report is read twice");
  }
  try {
    exporting.begin(export_head(stream_report(file, {}, [](CellResult&&) {})));
    stream_report(file, exporting.parts(),
                  [&](CellResult&& cell) { exporting.cell(std::move(cell)); });
  } catch (const Error& error) {
    throw Error(error.kind(), file, error.what(), error.remedy());
  }
  exporting.end();
}

ExitStatus export_report(const ExportOptions& options) {
  const auto& format = export_format(options.format);
  // The text is held back until there is some: a refusal leaves the output alone.
  std::optional<Output> output;
  Export exporting(format, options.choice, [&](std::string_view text) {
    if (!output) output.emplace(options.output);
    output->write(text);
  });
  export_cells(options.file, exporting);
  if (output) output->commit();
  for (const auto& remark : exporting.remarks()) fmt::print(stderr, "netstall: {}\n", remark);
  return ExitStatus::ok;
}

std::string format_names() {
  std::string names;
  for (const auto& format : export_formats()) {
    names += fmt::format("{}{}", names.empty() ? "" : "|", format.name);
  }
  return names;
}

std::string format_lines() {
  std::string lines = "Formats:\n";
  for (const auto& format : export_formats()) {
    lines += fmt::format("  {:<14} {}\n", format.name, format.what);
  }
  return lines;
}

}  // namespace

void add_export_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<ExportOptions>();
  auto* command = app.add_subcommand("export", "Write a report in the format of another tool");
  command->add_option("file", options->file, "Report that `netstall run` wrote")
      ->required()
      ->type_name("FILE.json");
  command->add_option("--format", options->format, format_names())->required()->type_name("FORMAT");
  command->add_option("-o,--output", options->output, "File to write; '-' is stdout")
      ->type_name("FILE")
      ->capture_default_str();
  const auto add_list = [&](const char* name, std::vector<std::string>& list, const char* what) {
    return command->add_option(name, list, what)->type_name("NAME")->allow_extra_args(false);
  };
  add_list("--metric", options->choice.metrics,
           "Only this metric of docs/metrics.md; 'all' is all of them; repeatable")
      ->type_name(kMetricValue);
  add_list("--cell", options->choice.cells, "Only this cell; repeatable");
  add_list("--flow", options->choice.flows, "Only this flow group; repeatable");
  add_list("--histogram", options->choice.histograms,
           "hgrm: only this histogram, as stall or send_latency; repeatable");
  command->footer(format_lines());
  command->callback([options, &action] { action = [options] { return export_report(*options); }; });
}

}  // namespace netstall
