#include "bench/report/summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/units.hpp"
#include "bench/report/block_bars.hpp"
#include "bench/report/markup.hpp"
#include "bench/report/probe_summary.hpp"
#include "bench/verdict/metrics.hpp"

namespace netstall {
namespace {

// What the good repetitions of one flow in one cell came to.
struct FlowSum {
  std::string name;
  std::uint64_t connections = 0;
  double goodput = 0;            // mean over the repetitions
  bool reads = false;            // whether it has a goodput
  double sender_ns = 0;          // their senders × window
  std::optional<Stalls> stalls;  // by the probe, else by the own clock
  bool by_probe = false;
  double probe_ns = 0;
  double own_ns = 0;
  std::optional<DatagramCounts> datagrams;  // the sum over the repetitions
};

struct CellSum {
  const CellResult* cell = nullptr;
  std::size_t good = 0;
  std::vector<FlowSum> flows;
  // Why repetitions are not good, and which.
  std::map<std::pair<Status, std::string>, std::vector<std::uint32_t>> others;
};

// Senders of UDP are not where the probe looks.
void add_stalls(FlowSum& sum, const FlowResult& flow, bool by_probe) {
  const auto& stalls = flow.stalls || !flow.datagrams ? flow.stalls : flow.own_clock;
  if (!stalls) return;
  sum.by_probe = by_probe && flow.stalls;
  if (sum.stalls) {
    sum.stalls->merge(*stalls);
  } else {
    sum.stalls = *stalls;
  }
  if (!sum.by_probe) return;
  sum.probe_ns += static_cast<double>(flow.stalls->total.time_ns);
  if (flow.own_clock) sum.own_ns += static_cast<double>(flow.own_clock->total.time_ns);
}

void add_repetition(CellSum& sum, const Repetition& repetition) {
  if (repetition.status != Status::ok) {
    sum.others[{repetition.status, repetition.reason.value_or("no reason given")}].push_back(
        repetition.index);
    return;
  }
  ++sum.good;
  sum.flows.resize(std::max(sum.flows.size(), repetition.flows.size()));
  for (std::size_t i = 0; i < repetition.flows.size(); ++i) {
    const auto& flow = repetition.flows[i];
    auto& into = sum.flows[i];
    into.name = flow.name;
    into.connections = flow.connections_established;
    into.goodput += flow.goodput_bytes_per_s.value_or(0);
    into.reads = into.reads || flow.goodput_bytes_per_s;
    into.sender_ns += static_cast<double>(flow.connections_established *
                                          flow.senders_per_connection.value_or(1)) *
                      static_cast<double>(repetition.window_ns);
    add_stalls(into, flow, repetition.probes.backend != "own_clock");
    if (!flow.datagrams) continue;
    auto& datagrams = into.datagrams ? *into.datagrams : into.datagrams.emplace();
    datagrams.sent += flow.datagrams->sent;
    datagrams.unread += flow.datagrams->unread;
    datagrams.lost += flow.datagrams->lost;
    datagrams.reordered += flow.datagrams->reordered;
  }
}

CellSum sum_cell(const CellResult& cell) {
  CellSum sum;
  sum.cell = &cell;
  for (const auto& repetition : cell.repetitions) add_repetition(sum, repetition);
  for (auto& flow : sum.flows)
    flow.goodput /= static_cast<double>(std::max<std::size_t>(sum.good, 1));
  return sum;
}

// The cause that took most of the time.
std::optional<Cause> main_cause(const Stalls& stalls) {
  std::optional<Cause> most;
  std::uint64_t time = 0;
  for (const auto& [cause, count] : stalls.by_cause) {
    if (count && count->time_ns > time) {
      most = cause;
      time = count->time_ns;
    }
  }
  return most;
}

std::string cause_text(const Stalls& stalls) {
  if (stalls.total.count == 0) return "-";
  const auto cause = main_cause(stalls);
  if (!cause) return "not told";
  const auto& count = stalls.by_cause.at(*cause);
  const double share = 100.0 * static_cast<double>(count->time_ns) /
                       static_cast<double>(std::max<std::uint64_t>(stalls.total.time_ns, 1));
  if (share > 99.5) return std::string(name_of(*cause));
  return fmt::format("{} {:.0f}%", name_of(*cause), share);
}

std::string duration_text(const std::optional<std::uint64_t>& nanoseconds) {
  return nanoseconds ? human_duration(static_cast<double>(*nanoseconds)) : "-";
}

class Painter {
 public:
  explicit Painter(bool color) : color_(color) {}
  std::string bold(std::string_view text) const { return paint("1", text); }
  std::string red(std::string_view text) const { return paint("31", text); }
  std::string dim(std::string_view text) const { return paint("2", text); }

 private:
  std::string paint(std::string_view code, std::string_view text) const {
    return color_ ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
  }
  bool color_;
};

struct Worst {
  std::uint64_t duration_ns = 0;
  const CellSum* cell = nullptr;
  const FlowSum* flow = nullptr;
};

Worst find_worst(const std::vector<CellSum>& cells) {
  Worst worst;
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      if (!flow.stalls) continue;
      const auto longest = flow.stalls->total.duration.max();
      if (longest && *longest > worst.duration_ns) worst = {*longest, &cell, &flow};
    }
  }
  return worst;
}

std::string headline(const std::vector<CellSum>& cells, const Painter& paint) {
  const auto worst = find_worst(cells);
  const bool measured = std::any_of(cells.begin(), cells.end(), [](const CellSum& cell) {
    return std::any_of(cell.flows.begin(), cell.flows.end(),
                       [](const FlowSum& flow) { return flow.stalls.has_value(); });
  });
  if (!measured) return paint.bold("No repetition was measured.");
  if (worst.cell == nullptr) return paint.bold("No sender was blocked.");
  const auto cause = worst.flow->by_probe ? main_cause(*worst.flow->stalls) : std::nullopt;
  return paint.bold(fmt::format("Longest stall: {}{}, in cell {}, flow {}.",
                                human_duration(static_cast<double>(worst.duration_ns)),
                                cause ? fmt::format(", mostly {}", name_of(*cause))
                                      : std::string(" (no probe: cause not told)"),
                                worst.cell->cell->id, worst.flow->name));
}

// Header and rows alike; 80 columns with the longest cause.
constexpr std::size_t kNameWidth = 7;
constexpr const char* kRow = "  {:<7}{:>6}{:>9}{:>7}{:>8}{:>8}{:>8}{:>8}  {}\n";

std::string flow_line(const FlowSum& flow) {
  std::string blocked = "-";
  std::string stalls = "-";
  std::array<std::string, 3> durations{"-", "-", "-"};
  std::string cause = "-";
  if (flow.stalls) {
    const auto& total = flow.stalls->total;
    stalls = human_count(static_cast<double>(total.count));
    if (flow.sender_ns > 0) {
      blocked =
          fmt::format("{:.1f} %", 100.0 * static_cast<double>(total.time_ns) / flow.sender_ns);
    }
    durations = {duration_text(total.duration.percentile_if_resolved(50)),
                 duration_text(total.duration.percentile_if_resolved(99)),
                 duration_text(total.duration.max())};
    cause = cause_text(*flow.stalls);
  }
  // A long name has a line to itself: cut, two of them could look alike.
  const bool long_name = flow.name.size() > kNameWidth;
  const auto above = long_name ? fmt::format("  {}\n", flow.name) : std::string();
  const std::string name = long_name ? "" : flow.name;
  return above + fmt::format(fmt::runtime(kRow), name, flow.connections,
                             flow.reads ? human_bytes(flow.goodput) : "-", stalls, blocked,
                             durations[0], durations[1], durations[2], cause);
}

// Bars stand between the table's columns, below the row that they belong to.
constexpr std::size_t kBarIndent = 9;
constexpr std::size_t kBarColumns = 80 - kBarIndent;

// Of all stalls that are shown; none where there was none.
std::optional<TimeAxis> shared_axis(const std::vector<CellSum>& cells) {
  std::optional<std::uint64_t> lowest;
  std::uint64_t highest = 0;
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      if (!flow.stalls || flow.stalls->total.duration.empty()) continue;
      const auto& durations = flow.stalls->total.duration;
      lowest = std::min(lowest.value_or(*durations.min()), *durations.min());
      highest = std::max(highest, *durations.max());
    }
  }
  if (!lowest) return std::nullopt;
  return TimeAxis(*lowest, highest, kBarColumns);
}

std::string bar_line(const FlowSum& flow, const std::optional<TimeAxis>& axis) {
  if (!axis || !flow.stalls || flow.stalls->total.duration.empty()) return {};
  return fmt::format("{:{}}{}\n", "", kBarIndent, axis->bars(flow.stalls->total.duration));
}

std::string axis_lines(const std::optional<TimeAxis>& axis, const Painter& paint) {
  if (!axis) return {};
  return paint.dim(fmt::format("{:{}}{}\n{:{}}how long stalls were; heights are logarithmic, too\n",
                               "", kBarIndent, axis->labels(), "", kBarIndent));
}

std::string datagram_line(const FlowSum& flow) {
  if (!flow.datagrams) return {};
  const auto& [sent, received, unread, lost, reordered, duplicated, delivered] = *flow.datagrams;
  const auto share = [sent = static_cast<double>(std::max<std::uint64_t>(sent, 1))](auto count) {
    return 100.0 * static_cast<double>(count) / sent;
  };
  auto text = fmt::format("{:{}}{} datagrams sent, {:.3g} % lost", "", kBarIndent,
                          human_count(static_cast<double>(sent)), share(lost));
  if (unread > 0) text += fmt::format(", {:.3g} % unread", share(unread));
  if (reordered > 0) text += fmt::format(", {:.3g} % reordered", share(reordered));
  return text + "\n";
}

// "  skipped #0, #1: there is no such qdisc here".
std::string other_lines(const std::pair<Status, std::string>& why,
                        const std::vector<std::uint32_t>& which, const Painter& paint) {
  constexpr std::size_t kMost = 8;
  const auto shown = std::min(which.size(), kMost);
  const auto text = wrapped(
      fmt::format("  {} #{}{}: {}", name_of(why.first),
                  fmt::join(which.begin(), which.begin() + static_cast<int>(shown), ", #"),
                  which.size() > shown ? fmt::format(" and {} more", which.size() - shown) : "",
                  why.second),
      4);
  return paint.red(text.substr(0, text.size() - 1)) + "\n";
}

std::string cell_block(const CellSum& sum, const std::optional<TimeAxis>& axis,
                       const Painter& paint, bool verbose) {
  auto text = fmt::format("{} {}\n", paint.bold(sum.cell->id),
                          paint.dim(fmt::format("({} of {} repetitions good)", sum.good,
                                                sum.cell->repetitions.size())));
  for (const auto& flow : sum.flows)
    text += flow_line(flow) + datagram_line(flow) + bar_line(flow, axis);
  if (verbose) text += worst_stalls_text(*sum.cell) + findings_text(*sum.cell);
  for (const auto& [why, which] : sum.others) text += other_lines(why, which, paint);
  return text;
}

// Kernel truth and program truth side by side.
std::string agreement(const std::vector<CellSum>& cells) {
  double probe = 0;
  double own = 0;
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      probe += flow.probe_ns;
      own += flow.own_ns;
    }
  }
  if (probe <= 0 || own <= 0) return {};
  return fmt::format("Blocked in all: {} by eBPF, {} by the senders' own clocks ({}).\n",
                     human_duration(probe), human_duration(own),
                     human_change((own - probe) / probe));
}

// What measured, over all good repetitions: cells may differ.
std::string probe_lines(const Report& report) {
  std::set<std::string> backends;
  std::map<std::string, std::string> missing;
  for (const auto& cell : report.cells) {
    for (const auto& repetition : cell.repetitions) {
      if (repetition.status != Status::ok) continue;
      backends.insert(repetition.probes.backend);
      missing.insert(repetition.probes.missing.begin(), repetition.probes.missing.end());
    }
  }
  if (backends.empty()) return {};
  auto text = fmt::format("Stalls measured by: {}.\n", fmt::join(backends, ", "));
  for (const auto& [what, why] : missing) {
    text += wrapped(fmt::format("  not here: {}: {}", what, why), 4);
  }
  return text;
}

// Whether a figure of the table is put together of several repetitions.
bool pooled(const std::vector<CellSum>& cells) {
  return std::any_of(cells.begin(), cells.end(), [](const CellSum& cell) {
    return cell.good > 1 &&
           std::any_of(cell.flows.begin(), cell.flows.end(), [](const FlowSum& flow) {
             return flow.stalls && flow.stalls->total.count > 0;
           });
  });
}

// Of which flow groups percentiles are too small to believe.
std::string cuts(const std::vector<CellSum>& cells) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string> names;
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      if (!flow.stalls) continue;
      const auto& total = flow.stalls->total;
      if (cut_too_much(total.open_at_start + total.open_at_end, total.count)) {
        names.push_back(fmt::format("{} in {}", flow.name, cell.cell->id));
      }
    }
  }
  if (names.empty()) return {};
  const auto more = names.size() - std::min(names.size(), kMost);
  names.resize(names.size() - more);
  return wrapped(
      fmt::format("The window's edges cut more than a tenth of the stalls of {}{}: their "
                  "percentiles are too small; a longer window tells.",
                  fmt::join(names, ", "), more > 0 ? fmt::format(" and {} more", more) : ""),
      2);
}

// What a dash among the percentiles says.
std::string legend(const std::vector<CellSum>& cells) {
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      if (!flow.stalls || flow.stalls->total.count == 0) continue;
      if (flow.stalls->total.duration.percentile_if_resolved(99)) continue;
      return "-: fewer than ten stalls lie beyond that percentile, too few to tell it.\n";
    }
  }
  return {};
}

}  // namespace

std::string summarize(const Report& report, const SummaryOptions& options) {
  const Painter paint(options.color);
  std::vector<CellSum> cells;
  for (const auto& cell : report.cells) cells.push_back(sum_cell(cell));
  auto text = headline(cells, paint) + "\n\n";
  if (report.selection) {
    text += fmt::format("Of the {} cells of the sweep only {} {} run.\n\n", report.selection->of,
                        report.cells.size(), report.cells.size() == 1 ? "was" : "were");
  }
  text += paint.dim(fmt::format(fmt::runtime(kRow), "flow", "conns", "bytes/s", "stalls", "blocked",
                                "p50", "p99", "max", "main cause"));
  const auto axis = shared_axis(cells);
  for (const auto& cell : cells) text += cell_block(cell, axis, paint, options.verbose);
  text += axis_lines(axis, paint) + "\n";
  if (pooled(cells)) text += "Percentiles are of the stalls of all good repetitions together.\n";
  text += legend(cells) + cuts(cells) + agreement(cells) + probe_lines(report);
  return text;
}

}  // namespace netstall
