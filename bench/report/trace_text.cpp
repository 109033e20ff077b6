// A trace for people: a line a stall, and at the end the totals with histograms.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "base/printable.hpp"
#include "base/units.hpp"
#include "bench/report/block_bars.hpp"
#include "bench/report/trace_formats.hpp"

namespace netstall {
namespace {

constexpr const char* kLine =
    "{:<15}  {:<15}  {:<11}  {:<45}  {:>9}  {:>5}  {:<23}  {:>8}  {:>8}  {:>8}";

std::string ended(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

// Of the local day, as "15:04:05.123456".
std::string clock_text(std::int64_t wall_ns) {
  const auto seconds = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  return fmt::format("{:%H:%M:%S}.{:06}", fmt::localtime(seconds), wall_ns % 1'000'000'000 / 1000);
}

std::string duration_text(std::uint64_t ns) {
  return human_duration(static_cast<double>(ns));
}

std::string bytes_text(std::uint64_t bytes) {
  return human_bytes(static_cast<double>(bytes));
}

std::string thread_text(const TracedThread& thread) {
  if (thread.pid == thread.tid) return std::to_string(thread.pid);
  return fmt::format("{}/{}", thread.pid, thread.tid);
}

std::string percentile_text(const Histogram& histogram, double percent) {
  const auto value = histogram.percentile_if_resolved(percent);
  return value ? duration_text(*value) : "-";
}

std::string process_text(const TracedProcess& found) {
  if (found.pid == 0 && found.process.empty()) return "(others)";
  return fmt::format("{} ({})", printable(found.process), found.pid);
}

// ---- histograms: bucket i holds what is under 2^i us ----

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
};

// Of the buckets that hold anything.
Range range_of(const TraceBuckets& buckets) {
  const auto holds = [](std::uint64_t count) { return count != 0; };
  const auto first = std::find_if(buckets.begin(), buckets.end(), holds);
  const auto last = std::find_if(buckets.rbegin(), buckets.rend(), holds);
  return {static_cast<std::size_t>(first - buckets.begin()),
          buckets.size() - 1 - static_cast<std::size_t>(last - buckets.rbegin())};
}

std::uint64_t lowest_of(std::size_t bucket) {
  return bucket == 0 ? 0 : (std::uint64_t{1} << (bucket - 1)) * 1000;
}

std::uint64_t end_of(std::size_t bucket) {
  return (std::uint64_t{1} << bucket) * 1000;
}

// One character a bucket, its height the share of the fullest.
std::string spark(const TraceBuckets& buckets, Range range) {
  const auto most = *std::max_element(buckets.begin(), buckets.end());
  std::string text;
  for (std::size_t i = range.first; i <= range.last; ++i) {
    const auto count = buckets.at(i);
    // What happened at all is seen.
    const auto height =
        most == 0 ? 0.0 : 8.0 * static_cast<double>(count) / static_cast<double>(most);
    text += kBlockHeights.at(
        count == 0 ? 0 : static_cast<std::size_t>(std::max(1.0, std::round(height))));
  }
  return text;
}

// A bar in eighths of a character.
std::string bar(std::uint64_t count, std::uint64_t most) {
  constexpr std::array<const char*, 8> kParts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  constexpr double kWidth = 40;
  const auto eighths = static_cast<std::size_t>(
      std::round(8 * kWidth * static_cast<double>(count) / static_cast<double>(most)));
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += "█";
  text += kParts.at(std::max<std::size_t>(eighths, count == 0 ? 0 : 1) % 8);
  return text;
}

TraceBuckets sum_of(const std::vector<TracedProcess>& processes) {
  TraceBuckets sum{};
  for (const auto& found : processes) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum.at(i) += found.buckets.at(i);
  }
  return sum;
}

std::string histogram_text(const TraceBuckets& buckets) {
  const auto range = range_of(buckets);
  const auto most = *std::max_element(buckets.begin(), buckets.end());
  std::string text = "\n         duration of a stall      stalls\n";
  for (auto i = range.first; i <= range.last; ++i) {
    const bool last = i + 1 == buckets.size();
    text += ended(fmt::format("  {:>9} to {:>9} {:>13}  {}", duration_text(lowest_of(i)),
                              last ? "" : duration_text(end_of(i)), buckets.at(i),
                              bar(buckets.at(i), most)));
  }
  return text;
}

// ---- the summary ----

std::string first_sentence(const TraceSetup& setup, const TraceSummary& summary) {
  const auto total = summary.total();
  if (total.stalls == 0) {
    return fmt::format("No stall in {} (by {}).\n", duration_text(summary.duration_ns),
                       setup.backend);
  }
  auto text =
      fmt::format("{} stalls in {} (by {}): {} blocked", total.stalls,
                  duration_text(summary.duration_ns), setup.backend, duration_text(total.time_ns));
  if (summary.run_queue_known && total.run_queue_ns > 0) {
    text +=
        fmt::format(", of it {} ready and waiting for a CPU", duration_text(total.run_queue_ns));
  }
  text += fmt::format("; the longest {}.", duration_text(total.longest_ns));
  if (total.began_before > 0) {
    text +=
        fmt::format(" {} began before the trace, and count from its start.", total.began_before);
  }
  if (total.open > 0) {
    text += fmt::format(" {} are still open, and count up to its end.", total.open);
  }
  return text + '\n';
}

std::string causes_text(const TraceSummary& summary) {
  auto text = fmt::format("\n  {:<38} {:>13} {:>13} {:>9} {:>9} {:>9} {:>9}\n", "cause", "stalls",
                          "waits", "blocked", "p50", "p99", "longest");
  for (const auto& [cause, found] : summary.by_cause) {
    text += fmt::format("  {:<38} {:>13} {:>13} {:>9} {:>9} {:>9} {:>9}\n", to_text(cause),
                        found.count.stalls, found.count.waits, duration_text(found.count.time_ns),
                        percentile_text(found.duration, 50), percentile_text(found.duration, 99),
                        duration_text(found.count.longest_ns));
  }
  return text;
}

std::string processes_text(const TraceSummary& summary, const TraceBuckets& all) {
  constexpr std::size_t kShown = 20;
  const auto range = range_of(all);
  auto text = fmt::format("\n  {:<24} {:<23} {:>13} {:>9} {:>9}  {} to {}\n", "process", "cause",
                          "stalls", "blocked", "longest", duration_text(lowest_of(range.first)),
                          duration_text(end_of(range.last)));
  for (std::size_t i = 0; i < std::min(kShown, summary.by_process.size()); ++i) {
    const auto& found = summary.by_process.at(i);
    text += ended(fmt::format("  {:<24} {:<23} {:>13} {:>9} {:>9}  {}", process_text(found),
                              to_text(found.cause), found.count.stalls,
                              duration_text(found.count.time_ns),
                              duration_text(found.count.longest_ns), spark(found.buckets, range)));
  }
  if (summary.by_process.size() > kShown) {
    text +=
        fmt::format("  and {} more; --format json lists all\n", summary.by_process.size() - kShown);
  }
  return text;
}

// What is not in the lines above, and what is in nothing.
std::string caveats_text(const TraceSetup& setup, const TraceSummary& summary) {
  std::string text;
  const auto& lines = summary.lines;
  if (lines.over_rate > 0 && setup.max_events_per_s > 0) {
    text += fmt::format(
        "Lines are a sample: {} shown, {} were beyond --max-events-per-s {}. The totals count "
        "all.\n",
        lines.shown, lines.over_rate, setup.max_events_per_s);
  }
  if (lines.too_short > 0) {
    text += fmt::format("{} shorter than --min were counted and not shown.\n", lines.too_short);
  }
  if (lines.dropped > 0) {
    text += fmt::format(
        "{} lines were dropped, because nobody read them in time. The totals count all.\n",
        lines.dropped);
  }
  if (summary.lost > 0) {
    text += fmt::format(
        "{} waits could not be followed and are in no total: more were open at once than "
        "--max-open.\n",
        summary.lost);
  }
  if (summary.processes_lost > 0) {
    text +=
        fmt::format("{} processes of the command could not be followed.\n", summary.processes_lost);
  }
  if (!setup.cannot_tell.empty()) {
    std::vector<std::string_view> names;
    for (const auto cause : setup.cannot_tell) names.push_back(name_of(cause));
    text += fmt::format("By {}, these causes are not told: {}.\n", setup.backend,
                        fmt::join(names, ", "));
  }
  if (summary.command_status) {
    text += fmt::format("The command ended: {}.\n", *summary.command_status);
  }
  return text.empty() ? text : "\n" + text;
}

class TraceTextFormatter final : public TraceFormatter {
 public:
  bool wants_edges() const override { return false; }

  std::string head(const TraceSetup&) const override {
    return ended(fmt::format(fmt::runtime(kLine), "began", "thread", "pid/tid", "local > peer",
                             "blocked", "waits", "cause", "queue", "sndbuf", "window"));
  }

  std::string line(const TracedStall& stall) const override {
    const bool longer = stall.open || stall.began_before_trace;
    auto text = fmt::format(fmt::runtime(kLine), clock_text(stall.began_wall_ns),
                            printable(stall.thread.comm), thread_text(stall.thread),
                            fmt::format("{} > {}", to_text(stall.local), to_text(stall.peer)),
                            (longer ? ">" : "") + duration_text(stall.duration_ns), stall.waits,
                            to_text(stall.cause), bytes_text(stall.queue_bytes),
                            bytes_text(stall.sndbuf_bytes), bytes_text(stall.window_bytes));
    if (stall.began_before_trace) text += "  began before the trace";
    if (stall.open) text += "  still open";
    return ended(std::move(text));
  }

  std::string line(const TracedEdge&) const override { return {}; }

  std::string tail(const TraceSetup& setup, const TraceSummary& summary) const override {
    return "\n" + trace_summary_text(setup, summary);
  }
};

}  // namespace

std::string trace_summary_text(const TraceSetup& setup, const TraceSummary& summary) {
  auto text = first_sentence(setup, summary);
  if (summary.total().stalls > 0) {
    const auto all = sum_of(summary.by_process);
    text += causes_text(summary);
    text += processes_text(summary, all);
    text += histogram_text(all);
  }
  return text + caveats_text(setup, summary);
}

std::unique_ptr<TraceFormatter> make_trace_text() {
  return std::make_unique<TraceTextFormatter>();
}

}  // namespace netstall
