#include "bench/trace/trace.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/stop_signals.hpp"
#include "bench/trace/output.hpp"
#include "bench/trace/traced_command.hpp"
#include "bench/trace/wall_clock.hpp"
#include "bpf/support.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;

// Events are taken at this interval: a wake-up for each would cost the traced
// programs more than all else.
constexpr milliseconds kInterval(50);

StallTrace attach(const StallTraceOptions& options) {
  if (const auto why = why_no_bpf()) {
    throw Error(ErrorKind::incapable, "trace stalls", *why, "netstall doctor says more");
  }
  auto loaded = StallTrace::load(options);
  if (loaded.trace) return std::move(*loaded.trace);
  std::string why;
  for (const auto& failed : loaded.failed) {
    why += fmt::format("{}{}: {}", why.empty() ? "" : "; ", name_of(failed.backend), failed.why);
  }
  throw Error(ErrorKind::incapable, "trace stalls", why, "netstall doctor says more");
}

// A wall clock for events of this trace.
WallClock clock_of(const StallTrace& trace) {
  return WallClock([&trace] { return read_clock_pair([&] { return trace.kernel_clock_ns(); }); });
}

class Tracer {
 public:
  Tracer(const TraceOptions& options, const TraceText& text,
         const std::function<void(const std::string&)>& say)
      : options_(options),
        text_(text),
        say_(say),
        output_(options.output),
        targets_(find_targets(options.targets)) {
    if (!options.command.empty()) command_.emplace(options.command);
    auto probe = options.probe;
    probe.filter = targets_.filter;
    if (command_) probe.filter.families.push_back(static_cast<std::uint32_t>(command_->pid()));
    trace_.emplace(attach(probe));
    clock_.emplace(clock_of(*trace_));
  }

  TraceOutcome run(TraceSetup setup) {
    setup.backend = name_of(trace_->backend());
    setup.notes = trace_->notes();
    setup.cannot_tell = trace_->cannot_tell();
    setup.began_wall_ns = clock_->to_wall(trace_->kernel_clock_ns());
    output_.add(text_.head(setup));
    output_.write_some();
    if (command_) command_->go();
    if (options_.duration) deadline_.emplace(*options_.duration);
    while (!over_) step();
    trace_->stop();
    // What came with the signal that ended it says nothing of what is still to be written.
    while (!command_ && signals_.take()) {
    }
    // What waits in the ring is of the trace, however slow the reader is.
    do {
      write_out();
    } while (take_events());
    write_out();
    auto outcome = summarize(std::move(setup));
    write_out();
    return outcome;
  }

 private:
  void step() {
    std::vector<pollfd> watched{{signals_.fd(), POLLIN, 0}};
    if (command_) watched.push_back({command_->pidfd(), POLLIN, 0});
    for (const auto& process : processes()) watched.push_back({process.get(), POLLIN, 0});
    auto timeout = more_ && output_.empty() ? milliseconds(0) : kInterval;
    if (deadline_) timeout = std::min(timeout, milliseconds(deadline_->poll_timeout()));
    ::poll(watched.data(), watched.size(), static_cast<int>(timeout.count()));
    answer_signals();
    // Before the events: the last ones belong to it.
    const bool ended = has_ended();
    clock_->rebase();
    output_.write_some();
    // A reader that takes nothing keeps the events in the ring; what finds no room
    // there is counted.
    if (output_.empty()) more_ = take_events();
    output_.write_some();
    if (ended || (deadline_ && deadline_->passed())) over_ = true;
  }

  // The trace is over; a signal now is for who waits for the reader, but the command's first.
  void write_out() {
    while (!output_.write_all(signals_.fd())) {
      const bool the_commands = command_ && !stopped_;
      answer_signals();
      if (!the_commands || given_up_) give_up();
    }
  }

  [[noreturn]] static void give_up() {
    throw Error(ErrorKind::interrupted, "write what was traced",
                "interrupted while its reader took nothing; what it did not take is lost");
  }

  // Whether there may be more.
  bool take_events() {
    return trace_->take_events(
        {[this](const TracedStall& stall) { output_.add(text_.stall(stall)); },
         [this](const TracedEdge& edge) { output_.add(text_.edge(edge)); }},
        [this](std::int64_t kernel_ns) { return clock_->to_wall(kernel_ns); });
  }

  std::vector<Fd>& processes() { return targets_.processes; }

  // All that was to be traced by its number is gone.
  bool has_ended() {
    const auto readable = [](int fd) {
      pollfd event{fd, POLLIN, 0};
      return ::poll(&event, 1, 0) > 0;
    };
    if (command_) return readable(command_->pidfd());
    if (processes().empty()) return false;
    std::erase_if(processes(), [&](const Fd& process) { return readable(process.get()); });
    if (!processes().empty()) return false;
    say_(options_.targets.pids.size() == 1 ? "the traced process has ended"
                                           : "the traced processes have ended");
    return true;
  }

  // Of a command the first signal is its own to answer; the trace ends with it.
  void answer_signals() {
    while (const auto stop = signals_.take()) {
      if (!command_ || stopped_) {
        over_ = true;
        given_up_ = command_.has_value();
        return;
      }
      stopped_ = true;
      if (!stop->of_terminal) command_->send(stop->signal);
    }
  }

  TraceOutcome summarize(TraceSetup setup) {
    const auto to_wall = [this](std::int64_t kernel_ns) { return clock_->to_wall(kernel_ns); };
    TraceOutcome outcome;
    outcome.summary = trace_->read(
        [this](const TracedStall& stall) {
          if (!options_.probe.edges) output_.add(text_.stall(stall));
        },
        to_wall);
    trace_.reset();
    if (command_) wait_for_command(outcome);
    output_.add(text_.tail(setup, outcome.summary));
    outcome.setup = std::move(setup);
    return outcome;
  }

  void wait_for_command(TraceOutcome& outcome) {
    const int ended = command_->pidfd();
    bool said = false;
    for (pollfd now{ended, POLLIN, 0}; ::poll(&now, 1, 0) <= 0;) {
      if (given_up_) {
        say_("the command goes on without being traced");
        return;
      }
      if (!std::exchange(said, true)) say_("the trace is over; waiting for the command to end");
      std::array<pollfd, 2> events{{{ended, POLLIN, 0}, {signals_.fd(), POLLIN, 0}}};
      ::poll(events.data(), events.size(), -1);
      answer_signals();
    }
    outcome.command_status = command_->wait();
    outcome.summary.command_status = wait_status_text(*outcome.command_status);
  }

  const TraceOptions& options_;
  const TraceText& text_;
  const std::function<void(const std::string&)>& say_;
  TraceOutput output_;
  Targets targets_;
  StopSignals signals_;
  std::optional<TracedCommand> command_;
  std::optional<StallTrace> trace_;
  std::optional<WallClock> clock_;
  std::optional<Deadline> deadline_;
  bool more_ = false;      // events may wait
  bool stopped_ = false;   // a signal went to the command
  bool given_up_ = false;  // and another came
  bool over_ = false;
};

}  // namespace

TraceOutcome run_trace(const TraceOptions& options, TraceSetup setup, const TraceText& text,
                       const std::function<void(const std::string&)>& say) {
  return Tracer(options, text, say).run(std::move(setup));
}

}  // namespace netstall
