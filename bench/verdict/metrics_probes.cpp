// Metrics from what the probes other than send_wait found.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string>

#include "bench/verdict/metrics_rows.hpp"
#include "model/probes.hpp"

namespace netstall {
namespace {

using Kinds = std::map<std::string, std::uint64_t>;

// The number that one place has of what a metric counts; nothing where the backend
// does not tell it.
using Count = std::optional<std::uint64_t> (*)(const Kinds& kinds);

struct EventRow {
  std::string_view name;
  ProbeId probe;
  bool per_flow;  // its places are flow groups
  // Of places that are not flow groups: this one alone; empty: all together.
  std::string_view place;
  Count count;
  double absolute;
  std::string_view meaning;
};

std::optional<std::uint64_t> kind(const Kinds& kinds, const char* name) {
  const auto found = kinds.find(name);
  if (found == kinds.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint64_t> both(const Kinds& kinds, const char* one, const char* other) {
  const auto first = kind(kinds, one);
  const auto second = kind(kinds, other);
  if (!first || !second) return std::nullopt;
  return *first + *second;
}

// Of those kinds that did not happen nothing is listed.
template <class Wanted>
std::uint64_t sum(const Kinds& kinds, Wanted wanted) {
  std::uint64_t total = 0;
  for (const auto& [name, number] : kinds) {
    if (wanted(name)) total += number;
  }
  return total;
}

std::optional<std::uint64_t> all_of(const Kinds& kinds) {
  return sum(kinds, [](const std::string&) { return true; });
}

// As send_wait's receiver_drop has it.
std::optional<std::uint64_t> for_want_of_memory(const Kinds& kinds) {
  static constexpr std::array<std::string_view, 5> kReasons{
      "PROTO_MEM", "SOCKET_RCVBUFF", "SOCKET_BACKLOG", "TCP_ZEROWINDOW", "TCP_OFO_QUEUE_PRUNE"};
  return sum(kinds, [](const std::string& name) {
    return std::find(kReasons.begin(), kReasons.end(), name) != kReasons.end();
  });
}

constexpr EventRow kEventRows[] = {
    {"retransmits.timeout", ProbeId::retransmits, true, "",
     [](const Kinds& kinds) { return kind(kinds, "loss"); }, 10,
     "Segments sent again after a retransmission timeout."},
    {"retransmits.recovery", ProbeId::retransmits, true, "",
     [](const Kinds& kinds) { return kind(kinds, "recovery"); }, 10,
     "Segments sent again in fast recovery."},
    {"drops.count", ProbeId::drops, false, "", all_of, 10,
     "Packets that the kernel dropped in the sides' namespaces, for any reason."},
    {"drops.memory", ProbeId::drops, false, "", for_want_of_memory, 10,
     "Packets dropped for want of memory, or of room in a receive buffer."},
    {"qdisc_drops.count", ProbeId::qdisc_drops, false, "", all_of, 10,
     "Packets that a queueing discipline dropped."},
    {"accept_overflow.count", ProbeId::accept_overflow, false, "server",
     [](const Kinds& kinds) -> std::optional<std::uint64_t> {
       const auto within = kind(kinds, "overflows");
       const auto before = kind(kinds, "overflows_before");
       if (!within || !before) return std::nullopt;
       return *within + *before;
     },
     1, "Connections that met a full accept queue, in ramp, warm-up and window."},
    {"napi_squeeze.count", ProbeId::napi_squeeze, false, "host",
     [](const Kinds& kinds) { return kind(kinds, "time_squeeze"); }, 10,
     "How often a softirq stopped polling with packets left, on the whole machine."},
    {"autotuning.sndbuf_steps", ProbeId::autotuning, true, "",
     [](const Kinds& kinds) { return both(kinds, "sndbuf_up", "sndbuf_down"); }, 10,
     "Steps in which the kernel changed the senders' send buffers."},
    {"autotuning.rcvbuf_steps", ProbeId::autotuning, true, "",
     [](const Kinds& kinds) { return both(kinds, "rcvbuf_up", "rcvbuf_down"); }, 10,
     "Steps in which the kernel changed the readers' receive buffers."},
    {"napi_squeeze.dropped", ProbeId::napi_squeeze, false, "host",
     [](const Kinds& kinds) { return kind(kinds, "dropped"); }, 1,
     "Packets dropped before a full backlog, on the whole machine."},
};

// A figure of the spells of all places that are viewed.
enum class SpellFigure : std::uint8_t { count, time, p99, max };

struct SpellRow {
  std::string_view name;
  ProbeId probe;
  bool per_flow;
  SpellFigure figure;
  Direction direction;
  double absolute;  // in the metric's unit
  std::string_view meaning;
};

constexpr auto kLower = Direction::lower_is_better;
constexpr auto kHigher = Direction::higher_is_better;

constexpr SpellRow kSpellRows[] = {
    {"zero_window.count", ProbeId::zero_window, true, SpellFigure::count, kLower, 10,
     "Spells in which a reader's window was shut."},
    {"zero_window.time", ProbeId::zero_window, true, SpellFigure::time, kLower, 1e5,
     "Time for which a reader's window was shut, of all connections, per second of the window."},
    {"zero_window.p99", ProbeId::zero_window, true, SpellFigure::p99, kLower, 1e5,
     "99th percentile of the spells in which a reader's window was shut."},
    {"zero_window.max", ProbeId::zero_window, true, SpellFigure::max, kLower, 1e5,
     "Longest spell in which a reader's window was shut."},
    {"memory_pressure.count", ProbeId::memory_pressure, false, SpellFigure::count, kLower, 1,
     "Spells in which TCP was under memory pressure, on the whole machine."},
    {"memory_pressure.time", ProbeId::memory_pressure, false, SpellFigure::time, kLower, 1e6,
     "Time for which TCP was under memory pressure, per second of the window."},
    {"memory_pressure.max", ProbeId::memory_pressure, false, SpellFigure::max, kLower, 1e7,
     "Longest spell in which TCP was under memory pressure."},
    {"reader_waits.count", ProbeId::reader_waits, true, SpellFigure::count, kLower, 10,
     "Spells in which a reader had nothing to read."},
    {"reader_waits.time", ProbeId::reader_waits, true, SpellFigure::time, kLower, 1e5,
     "Time for which readers had nothing to read, of all connections, per second of the window."},
    {"reader_waits.p99", ProbeId::reader_waits, true, SpellFigure::p99, kLower, 1e5,
     "99th percentile of the spells in which a reader had nothing to read."},
    {"epoll_waits.time", ProbeId::epoll_waits, false, SpellFigure::time, kHigher, 1e6,
     "Time for which the workers' threads slept in epoll_wait(), per second of the window."},
    {"run_queue.time", ProbeId::run_queue, false, SpellFigure::time, kLower, 1e6,
     "Time for which the workers' threads could run and did not, per second of the window."},
    {"run_queue.p99", ProbeId::run_queue, false, SpellFigure::p99, kLower, 1e5,
     "99th percentile of the spells in which a worker's thread could run and did not."},
    {"run_queue.max", ProbeId::run_queue, false, SpellFigure::max, kLower, 1e5,
     "Longest spell in which a worker's thread could run and did not."},
};

Reading not_loaded(ProbeId id) {
  return absent(fmt::format("the probe {} found nothing out", name_of(id)));
}

Reading read_events(RepetitionView& view, const EventRow& row) {
  const auto& findings = view.repetition().findings;
  const auto found = findings.find(std::string(name_of(row.probe)));
  if (found == findings.end() || !found->second) return not_loaded(row.probe);
  std::uint64_t total = 0;
  bool any = false;
  for (const auto& [place, kinds] : found->second->events) {
    if (view.flow() != nullptr && place != view.flow()->name) continue;
    if (!row.place.empty() && place != row.place) continue;
    const auto number = row.count(kinds);
    if (!number) return absent("this backend does not tell it");
    total += *number;
    any = true;
  }
  if (!any) return absent("this backend does not tell it");
  return present(static_cast<double>(total));
}

Reading figure_of(const SpellCount& spells, SpellFigure figure, double window_s) {
  const auto cut = spells.open_at_start + spells.open_at_end;
  switch (figure) {
    case SpellFigure::count:
      return present(static_cast<double>(spells.count));
    case SpellFigure::time:
      if (window_s <= 0) return absent("the window is not known");
      return present(static_cast<double>(spells.time_ns) / window_s);
    case SpellFigure::p99:
      return read_cut_percentile(spells.duration, 99, cut, window_s);
    case SpellFigure::max:
      return read_cut_percentile(spells.duration, 100, cut, window_s);
  }
  return absent("not measured");
}

Reading read_spells(RepetitionView& view, const SpellRow& row) {
  const auto& findings = view.repetition().findings;
  const auto found = findings.find(std::string(name_of(row.probe)));
  if (found == findings.end() || !found->second) return not_loaded(row.probe);
  SpellCount all;
  bool any = false;
  for (const auto& [place, kinds] : found->second->spells) {
    if (view.flow() != nullptr && place != view.flow()->name) continue;
    for (const auto& [kind, spells] : kinds) {
      all.merge(spells);
      any = true;
    }
  }
  if (!any) return absent("this backend does not tell it");
  return figure_of(all, row.figure, view.window_s());
}

}  // namespace

void add_probe_metrics(std::vector<Metric>& catalogue) {
  for (const auto& row : kEventRows) {
    catalogue.push_back({.name = std::string(row.name),
                         .scope = row.per_flow ? Scope::any : Scope::whole,
                         .role = Role::named,
                         .resolution = 1,
                         .smallest_relative = kCentralChange,
                         .smallest_absolute = row.absolute,
                         .meaning = fmt::format("{} (probe {})", row.meaning, name_of(row.probe)),
                         .read = [&row](RepetitionView& view) { return read_events(view, row); }});
  }
  for (const auto& row : kSpellRows) {
    const bool counts = row.figure == SpellFigure::count;
    catalogue.push_back({.name = std::string(row.name),
                         .unit = counts ? Unit::one : Unit::ns,
                         .direction = row.direction,
                         .scope = row.per_flow ? Scope::any : Scope::whole,
                         .role = Role::named,
                         .resolution = counts ? 1.0 : 1e3,
                         .smallest_relative = row.figure == SpellFigure::p99   ? kTailChange
                                              : row.figure == SpellFigure::max ? kExtremeChange
                                                                               : kCentralChange,
                         .smallest_absolute = row.absolute,
                         .meaning = fmt::format("{} (probe {})", row.meaning, name_of(row.probe)),
                         .read = [&row](RepetitionView& view) { return read_spells(view, row); }});
  }
}

}  // namespace netstall
