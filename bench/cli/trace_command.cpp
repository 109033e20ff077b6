// netstall trace: the stalls of any program on this machine.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <map>
#include <memory>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/units.hpp"
#include "bench/cli/commands.hpp"
#include "bench/cli/version.hpp"
#include "bench/report/trace_formats.hpp"
#include "bench/trace/trace.hpp"

namespace netstall {
namespace {

struct TraceCommandOptions {
  TraceOptions trace;
  TraceFormat format = TraceFormat::text;
  std::string least;
  std::string duration;
  std::uint64_t max_events_per_s = 1000;
  std::uint32_t max_open = 16384;
};

// A positive duration; nothing where the option was not given.
std::optional<Nanoseconds> parse_option(const char* option, const std::string& text) {
  if (text.empty()) return std::nullopt;
  const auto parsed = parse_duration(text);
  const auto refuse = [&](const std::string& why) {
    throw Error(ErrorKind::usage, fmt::format("{} {}", option, text), why);
  };
  if (!parsed) refuse(parsed.why());
  if ((*parsed).count() <= 0) refuse("expected more than nothing");
  return *parsed;
}

void check(const TraceCommandOptions& options) {
  if (options.format == TraceFormat::stap && !options.least.empty()) {
    throw Error(ErrorKind::usage, "--min with --format stap",
                "a line at a wait's start cannot know how long it will last",
                "leave one of them out");
  }
  if (!options.trace.targets.pids.empty() && !options.trace.command.empty()) {
    throw Error(ErrorKind::usage, "--pid with a command", "the command is what is traced",
                "leave one of them out");
  }
}

std::vector<std::string> filters_of(const TraceOptions& options) {
  std::vector<std::string> filters;
  const auto add = [&](const char* option, const auto& values) {
    for (const auto& value : values) filters.push_back(fmt::format("{} {}", option, value));
  };
  add("--pid", options.targets.pids);
  add("--comm", options.targets.comms);
  add("--cgroup", options.targets.cgroups);
  add("--netns", options.targets.netns);
  add("--port", options.targets.ports);
  if (!options.command.empty()) {
    filters.push_back(fmt::format("-- {}", fmt::join(options.command, " ")));
  }
  return filters;
}

TraceText text_of(const TraceFormatter& formatter) {
  return {[&](const TraceSetup& setup) { return formatter.head(setup); },
          [&](const TracedStall& stall) { return formatter.line(stall); },
          [&](const TracedEdge& edge) { return formatter.line(edge); },
          [&](const TraceSetup& setup, const TraceSummary& summary) {
            return formatter.tail(setup, summary);
          }};
}

ExitStatus trace(const TraceCommandOptions& given) {
  check(given);
  const auto formatter = make_trace_formatter(given.format);
  auto options = given.trace;
  options.duration = parse_option("--duration", given.duration);
  options.probe.edges = formatter->wants_edges();
  options.probe.max_events_per_s = given.max_events_per_s;
  options.probe.max_open = given.max_open;
  if (const auto least = parse_option("--min", given.least)) {
    options.probe.least_ns = static_cast<std::uint64_t>(least->count());
  }
  TraceSetup setup;
  setup.tool = version_text();
  setup.filters = filters_of(options);
  setup.max_events_per_s = options.probe.max_events_per_s;
  setup.least_ns = options.probe.least_ns;
  const auto outcome =
      run_trace(options, std::move(setup), text_of(*formatter),
                [](const std::string& line) { fmt::print(stderr, "netstall: {}\n", line); });
  // Its output is SystemTap's, to the line.
  if (given.format == TraceFormat::stap) {
    fmt::print(stderr, "{}", trace_summary_text(outcome.setup, outcome.summary));
  }
  if (options.command.empty()) return ExitStatus::ok;
  if (!outcome.command_status) return ExitStatus::interrupted;
  return static_cast<ExitStatus>(exit_code_of(*outcome.command_status));
}

}  // namespace

void add_trace_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<TraceCommandOptions>();
  auto* command = app.add_subcommand(
      "trace", "Show live stalls of any program on this machine (needs root; changes nothing)");
  auto& targets = options->trace.targets;
  command->add_option("--pid", targets.pids, "A process, with all its threads; repeatable")
      ->type_name("N")
      ->allow_extra_args(false);
  command->add_option("--comm", targets.comms, "Threads, or processes, of this name; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command->add_option("--cgroup", targets.cgroups, "A cgroup and those below; repeatable")
      ->type_name("PATH")
      ->allow_extra_args(false);
  command
      ->add_option("--netns", targets.netns,
                   "Connections of a network namespace: a name, or a file; repeatable")
      ->type_name("NAME")
      ->allow_extra_args(false);
  command
      ->add_option("--port", targets.ports, "Connections with this port at either end; repeatable")
      ->type_name("N")
      ->allow_extra_args(false);
  command->add_option("--min", options->least, "Shorter stalls are counted, not shown")
      ->type_name("DURATION");
  command->add_option("--duration", options->duration, "End after this time (default: at Ctrl-C)")
      ->type_name("DURATION");
  command
      ->add_option("--max-events-per-s", options->max_events_per_s,
                   "Lines a second at most: beyond, an even sample; 0: the summary alone")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--max-open", options->max_open,
                   "Threads blocked at once, and connections stalled at once, that are followed")
      ->type_name("N")
      ->capture_default_str();
  std::map<std::string, TraceFormat> formats;
  for (std::size_t i = 0; i < Names<TraceFormat>::list.size(); ++i) {
    formats.emplace(Names<TraceFormat>::list.at(i), static_cast<TraceFormat>(i));
  }
  command
      ->add_option("--format", options->format,
                   "text; json: an object a line; stap: as SystemTap's example prints it")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->type_name("text|json|stap");
  command->add_option("-o,--output", options->trace.output, "File to write instead of stdout")
      ->type_name("FILE");
  command->add_option("COMMAND", options->trace.command,
                      "Run it and trace it, with all that it starts; its exit status is passed on");
  command->footer(
      "Options of one sort are alternatives, of several sorts must all hold. Without any,\n"
      "all programs are traced. netstall trace --port 443 --min 10ms");
  command->callback([options, &action] { action = [options] { return trace(*options); }; });
}

}  // namespace netstall
