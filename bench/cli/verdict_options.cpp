#include "bench/cli/verdict_options.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <utility>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/printable.hpp"
#include "bench/cli/terminal.hpp"
#include "bench/cli/value_names.hpp"
#include "bench/report/calibration.hpp"
#include "bench/report/comparison_formats.hpp"
#include "bench/verdict/fingerprint.hpp"

namespace netstall {
namespace {

std::string rendered(const Comparison& comparison, ComparisonFormat format,
                     const VerdictOptions& options, bool color) {
  switch (format) {
    case ComparisonFormat::text:
      return comparison_text(comparison, {color, options.all});
    case ComparisonFormat::json:
      return comparison_json(comparison);
    case ComparisonFormat::markdown:
      return comparison_markdown(comparison);
    case ComparisonFormat::junit:
      return comparison_junit(comparison, options.strict);
    case ComparisonFormat::annotations:
      return comparison_annotations(comparison, options.strict);
  }
  return {};
}

// "junit=FILE".
std::pair<ComparisonFormat, std::string> parse_write(const std::string& text) {
  const auto equals = text.find('=');
  const auto format = named<ComparisonFormat>(text.substr(0, equals));
  if (!format || equals == std::string::npos || equals + 1 == text.size()) {
    throw Error(ErrorKind::usage, fmt::format("--write {}", text), "this is not FORMAT=FILE",
                fmt::format("FORMAT is one of {}", fmt::join(Names<ComparisonFormat>::list, ", ")));
  }
  return {*format, text.substr(equals + 1)};
}

}  // namespace

void add_verdict_options(CLI::App& command, VerdictOptions& options) {
  std::map<std::string, ComparisonFormat> formats;
  for (std::size_t i = 0; i < Names<ComparisonFormat>::list.size(); ++i) {
    formats.emplace(Names<ComparisonFormat>::list[i], static_cast<ComparisonFormat>(i));
  }
  command.add_option("--format", options.format, "Of the result")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name(fmt::format("{}", fmt::join(Names<ComparisonFormat>::list, "|")));
  command.add_option("-o,--output", options.output, "Result to this file instead of stdout")
      ->type_name("FILE");
  command
      .add_option(
          "--write", options.write,
          "Write the result in another format too, as junit=FILE; '-' is stdout; repeatable")
      ->type_name("FORMAT=FILE")
      ->allow_extra_args(false);
  command
      .add_option("--metric", options.metrics,
                  "Let this metric decide instead of the catalogue's six; repeatable")
      ->type_name(kMetricValue)
      ->allow_extra_args(false);
  command
      .add_option("--noise", options.noise,
                  "Take noise floors that `calibrate` found here as the smallest changes")
      ->type_name("FILE");
  command.add_flag("--strict", options.strict, "Inconclusive is exit status 3, not 0");
  command.add_flag("--all", options.all,
                   "List unchanged metrics too, and those that decide nothing");
}

void require_output_place(const std::string& file) {
  if (file.empty() || file == "-") return;
  const std::filesystem::path path(file);
  const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    throw Error(ErrorKind::usage, fmt::format("write {}", file), "it is a folder");
  }
  if (!std::filesystem::is_directory(folder, none)) {
    throw Error(ErrorKind::usage, fmt::format("write {}", file),
                fmt::format("there is no folder {}", folder.string()));
  }
}

void require_sound(const VerdictOptions& options) {
  select_metrics(options.metrics);
  require_output_place(options.output);
  for (const auto& text : options.write) require_output_place(parse_write(text).second);
}

void write_output(const std::string& file, std::string_view text) {
  std::error_code none;
  const auto type = std::filesystem::status(file, none).type();
  const bool special =
      type == std::filesystem::file_type::character || type == std::filesystem::file_type::fifo;
  if (!file.empty() && file != "-" && !special) return replace_file(file, text);
  Fd device;
  if (special) device.reset(::open(file.c_str(), O_WRONLY | O_CLOEXEC));
  const int fd = special ? device.get() : STDOUT_FILENO;
  const int error = fd < 0 ? errno : write_all(fd, text);
  if (error != 0) throw_errno(fmt::format("write {}", special ? file : "the result"), error);
}

CompareOptions with_noise(CompareOptions how, const VerdictOptions& options,
                          const Environment& environment) {
  if (options.noise.empty()) return how;
  constexpr std::size_t kLargest = std::size_t{4} << 20;
  const auto calibration = [&] {
    try {
      return calibration_from_json(read_file(options.noise, kLargest));
    } catch (const Error& error) {
      throw Error(ErrorKind::usage, options.noise, error.what(), error.remedy());
    }
  }();
  const auto differences = fingerprint_differences(calibration.environment, environment);
  if (!differences.empty() && !how.allow_environment_change) {
    throw Error(ErrorKind::usage, options.noise,
                fmt::format("these noise floors are of another environment: {} differs",
                            printable(differences.front().fact)),
                "run `netstall calibrate` on the machine that is judged");
  }
  how.smallest_changes = smallest_changes(calibration.floors);
  return how;
}

ExitStatus deliver(const Comparison& comparison, const VerdictOptions& options) {
  const bool to_stdout = options.output.empty() || options.output == "-";
  const bool color = to_stdout && wants_color(STDOUT_FILENO);
  write_output(options.output, rendered(comparison, options.format, options, color));
  for (const auto& text : options.write) {
    const auto [format, file] = parse_write(text);
    write_output(file, rendered(comparison, format, options, false));
  }
  switch (comparison.outcome()) {
    case Outcome::worse:
      return ExitStatus::missed;
    case Outcome::inconclusive:
      return options.strict ? ExitStatus::inconclusive : ExitStatus::ok;
    case Outcome::ok:
      break;
  }
  return ExitStatus::ok;
}

}  // namespace netstall
