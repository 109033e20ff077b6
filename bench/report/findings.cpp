#include "bench/report/findings.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/units.hpp"
#include "bench/report/path.hpp"
#include "bench/verdict/expectations.hpp"

namespace netstall {
namespace {

std::string percent(double share) {
  const double value = 100 * share;
  if (value >= 99.95) return "100 %";
  if (value > 0 && value < 0.1) return "less than 0.1 %";
  return fmt::format("{:.{}f} %", value, value < 10 ? 1 : 0);
}

// Where one cell is all there is, its name says nothing.
std::string in_cell(const CellFacts& cell, std::size_t cells) {
  return cells > 1 ? fmt::format(" in {}", cell.id) : std::string();
}

struct Extremes {
  const CellFacts* worst = nullptr;  // the largest share of blocked time
  const CellFacts* best = nullptr;
  const CellFacts* longest = nullptr;  // the longest single stall
  std::size_t measured = 0;
};

Extremes extremes_of(const std::vector<CellFacts>& cells) {
  Extremes found;
  for (const auto& cell : cells) {
    const auto share = cell.blocked_share();
    if (!share) continue;
    ++found.measured;
    if (found.worst == nullptr || *share > *found.worst->blocked_share()) found.worst = &cell;
    if (found.best == nullptr || *share < *found.best->blocked_share()) found.best = &cell;
    if (found.longest == nullptr || cell.max_ns() > found.longest->max_ns()) found.longest = &cell;
  }
  return found;
}

// The flow group that is blocked for the largest share of its time.
const FlowFacts* worst_flow(const CellFacts& cell) {
  const FlowFacts* worst = nullptr;
  double most = -1;
  for (const auto& flow : cell.flows) {
    if (!flow.measured || flow.connection_ns <= 0) continue;
    const double share = flow.time_ns / flow.connection_ns;
    if (share > most) {
      worst = &flow;
      most = share;
    }
  }
  return worst;
}

std::string cause_clause(const FlowFacts& flow) {
  if (flow.cause.empty()) return "the cause is not told without a probe";
  const auto meaning = meaning_of_cause(flow.cause);
  auto name = meaning.empty() ? flow.cause : fmt::format("{} ({})", meaning, flow.cause);
  if (flow.cause_share > 0.995) return name;
  return fmt::format("{} for {} of that time", name, percent(flow.cause_share));
}

// "Senders were blocked 42 % of the time"; of several flow groups "Senders of slow were
// blocked 90 % of the time (of all flows 42 %)": those of the worst, whose cause follows.
std::string blocked_clause(std::string_view senders, const CellFacts& cell, const FlowFacts* flow) {
  const auto all = percent(cell.blocked_share().value_or(0));
  const auto measured = std::count_if(cell.flows.begin(), cell.flows.end(),
                                      [](const FlowFacts& one) { return one.connection_ns > 0; });
  if (flow == nullptr || measured < 2) {
    return fmt::format("{} were blocked {} of the time", senders, all);
  }
  return fmt::format("{} of {} were blocked {} of the time (of all flows {})", senders, flow->name,
                     percent(flow->time_ns / flow->connection_ns), all);
}

Finding blocked_lead(const Extremes& found, std::size_t cells) {
  const auto& worst = *found.worst;
  if (found.longest->max_ns() == 0) {
    return {Tone::good, cells > 1 ? fmt::format("No sender was blocked in any of {} cells.", cells)
                                  : std::string("No sender was blocked.")};
  }
  const auto* flow = worst_flow(worst);
  auto text = fmt::format("{}{}", blocked_clause("Senders", worst, flow), in_cell(worst, cells));
  if (flow != nullptr) text += fmt::format(": {}", cause_clause(*flow));
  return {Tone::bad, text + "."};
}

Finding lead_of(const std::vector<CellFacts>& cells, const Extremes& found) {
  std::size_t judged = 0;
  std::size_t missed = 0;
  for (const auto& cell : cells) {
    judged += cell.expectations.size();
    missed += static_cast<std::size_t>(
        std::count_if(cell.expectations.begin(), cell.expectations.end(),
                      [](const ExpectationResult& result) { return !result.passed; }));
  }
  if (judged > 0 && missed == 0) {
    return {Tone::good, fmt::format("All {} met.", counted(judged, "expectation"))};
  }
  if (missed > 0) {
    return {Tone::bad, fmt::format("{} of {} missed.", missed, counted(judged, "expectation"))};
  }
  if (found.worst == nullptr)
    return {Tone::warn, "No repetition measured stalls: there is no answer."};
  return blocked_lead(found, cells.size());
}

void add_missed(std::vector<Finding>& points, const std::vector<CellFacts>& cells) {
  constexpr std::size_t kMost = 5;
  std::size_t missed = 0;
  for (const auto& cell : cells) {
    for (const auto& result : cell.expectations) {
      if (result.passed || ++missed > kMost) continue;
      points.push_back({Tone::bad, fmt::format("{}: {}.", cell.id, to_text(result))});
    }
  }
  if (missed > kMost) {
    points.push_back({Tone::bad, fmt::format("{} more were missed.", missed - kMost)});
  }
}

void add_extremes(std::vector<Finding>& points, const Extremes& found, std::size_t cells) {
  if (found.longest == nullptr || found.longest->max_ns() == 0) return;
  points.push_back(
      {Tone::note, fmt::format("The longest single stall took {}{}.",
                               human_duration(static_cast<double>(found.longest->max_ns())),
                               in_cell(*found.longest, cells))});
  if (!found.worst->why.empty()) points.push_back({Tone::note, found.worst->why});
  if (found.best == found.worst) return;
  const auto least = *found.best->blocked_share();
  points.push_back({Tone::good, least == 0
                                    ? fmt::format("No sender was blocked in {}.", found.best->id)
                                    : fmt::format("Least blocked: {}, {} of the time.",
                                                  found.best->id, percent(least))});
}

// Where another cause prevails, the cell that is blocked most by it.
void add_other_causes(std::vector<Finding>& points, const std::vector<CellFacts>& cells,
                      const Extremes& found) {
  if (found.worst == nullptr) return;
  std::map<std::string, const CellFacts*> worst;  // by cause
  for (const auto& cell : cells) {
    const auto* flow = worst_flow(cell);
    const auto share = cell.blocked_share();
    if (flow == nullptr || flow->cause.empty() || !share) continue;
    auto& known = worst[flow->cause];
    if (known == nullptr || *share > *known->blocked_share()) known = &cell;
  }
  const auto* of_lead = worst_flow(*found.worst);
  for (const auto& [cause, cell] : worst) {
    if (of_lead != nullptr && cause == of_lead->cause) continue;
    const auto* flow = worst_flow(*cell);
    points.push_back(
        {Tone::bad, fmt::format("In {} {}: {}.", cell->id, blocked_clause("senders", *cell, flow),
                                cause_clause(*flow))});
  }
}

// How far the mean share of blocked time moves along an axis.
struct AxisEffect {
  std::string axis;
  std::string low_value;
  std::string high_value;
  double low = 0;
  double high = 0;
};

std::optional<AxisEffect> effect_of(const std::string& axis, const std::vector<CellFacts>& cells) {
  std::map<std::string, std::pair<double, double>> sums;
  for (const auto& cell : cells) {
    const auto value = cell.parameters.find(axis);
    const auto share = cell.blocked_share();
    if (value == cell.parameters.end() || !share) continue;
    auto& [sum, count] = sums[value->second];
    sum += *share;
    count += 1;
  }
  if (sums.size() < 2) return std::nullopt;
  AxisEffect effect{axis, {}, {}, 2, -1};
  for (const auto& [value, sum] : sums) {
    const double mean = sum.first / sum.second;
    if (mean < effect.low) {
      effect.low = mean;
      effect.low_value = value;
    }
    if (mean > effect.high) {
      effect.high = mean;
      effect.high_value = value;
    }
  }
  return effect;
}

// Of several axes, the one that matters most.
void add_axis(std::vector<Finding>& points, const std::vector<CellFacts>& cells) {
  std::set<std::string> axes;
  for (const auto& cell : cells) {
    for (const auto& [axis, value] : cell.parameters) axes.insert(axis);
  }
  if (axes.size() < 2) return;
  std::optional<AxisEffect> most;
  for (const auto& axis : axes) {
    auto effect = effect_of(axis, cells);
    if (effect && (!most || effect->high - effect->low > most->high - most->low)) {
      most = std::move(effect);
    }
  }
  if (!most || most->high - most->low < 0.001) return;
  points.push_back(
      {Tone::note, fmt::format("What moves it most is {}: {} blocked with {}, {} with {} (means "
                               "over the other axes).",
                               most->axis, percent(most->low), most->low_value, percent(most->high),
                               most->high_value)});
}

void add_agreement(std::vector<Finding>& points, const std::vector<CellFacts>& cells) {
  double probe = 0;
  double own = 0;
  std::string backend;
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      if (!flow.measured || !flow.by_probe || !flow.own_clock) continue;
      probe += flow.time_ns;
      own += flow.own_clock_ns;
      backend = cell.backend;
    }
  }
  if (probe <= 0 || own <= 0) return;
  const double off = (own - probe) / probe;
  points.push_back(
      {std::abs(off) > 0.05 ? Tone::warn : Tone::good,
       fmt::format("Two clocks: {} blocked by eBPF ({}), {} by the senders' own ({}).",
                   human_duration(probe), backend, human_duration(own), human_change(off))});
}

// " of slow in calm and in 3 other places"; empty where no flow group's were cut much.
std::string much_cut(const std::vector<CellFacts>& cells) {
  std::string first;
  std::size_t more = 0;
  for (const auto& cell : cells) {
    for (const auto& flow : cell.flows) {
      if (!cut_too_much(flow.cut, flow.stalls)) continue;
      if (first.empty()) {
        first = fmt::format(" of {}{}", flow.name, in_cell(cell, cells.size()));
      } else {
        ++more;
      }
    }
  }
  return more == 0 ? first : fmt::format("{}, and in {}", first, counted(more, "other place"));
}

// What a reader must know before trusting the rest.
void add_doubts(std::vector<Finding>& points, const std::vector<CellFacts>& cells) {
  std::size_t bad = 0;
  std::size_t all = 0;
  std::uint64_t lost = 0;
  std::uint64_t not_restored = 0;
  std::set<std::string> reasons;
  bool own_clock = false;
  const auto cut = much_cut(cells);
  for (const auto& cell : cells) {
    all += cell.repetitions;
    bad += cell.repetitions - cell.good;
    lost += cell.lost_events;
    not_restored += cell.not_restored;
    reasons.insert(cell.reasons.begin(), cell.reasons.end());
    own_clock = own_clock || cell.backend == "own_clock";
  }
  if (bad > 0) {
    constexpr std::size_t kMost = 3;
    std::vector<std::string> few(reasons.begin(), reasons.end());
    if (few.size() > kMost) few.resize(kMost);
    points.push_back({Tone::warn, fmt::format("{} of {} left out: {}.", bad,
                                              counted(all, "repetition"), fmt::join(few, "; "))});
  }
  if (lost > 0) {
    points.push_back({Tone::warn, fmt::format("The probe lost {}: stalls are missing.",
                                              counted(lost, "event"))});
  }
  if (not_restored > 0) {
    points.push_back({Tone::warn, fmt::format("{} could not be put back on the machine.",
                                              counted(not_restored, "setting"))});
  }
  if (!cut.empty()) {
    points.push_back({Tone::warn, fmt::format("The window's edges cut more than a tenth of the "
                                              "stalls{}: their percentiles are too small; a longer "
                                              "window tells.",
                                              cut)});
  }
  if (own_clock) {
    points.push_back({Tone::warn,
                      "No eBPF probe loaded: stalls are by the senders' own clocks, and no cause "
                      "is told."});
  }
}

}  // namespace

std::optional<double> CellFacts::blocked_share() const {
  double time = 0;
  double all = 0;
  for (const auto& flow : flows) {
    if (!flow.measured) return std::nullopt;
    time += flow.time_ns;
    all += flow.connection_ns;
  }
  if (all <= 0) return std::nullopt;
  return time / all;
}

std::uint64_t CellFacts::max_ns() const {
  std::uint64_t most = 0;
  for (const auto& flow : flows) most = std::max(most, flow.max_ns);
  return most;
}

CellFacts facts_of(const CellDigest& cell, std::string why) {
  CellFacts facts;
  facts.id = cell.id;
  facts.parameters = cell.parameters;
  facts.good = cell.good;
  facts.repetitions = static_cast<std::uint32_t>(cell.repetitions.size());
  for (const auto& repetition : cell.repetitions) {
    if (repetition.status == Status::ok) continue;
    auto reason = fmt::format("{}{}{}", name_of(repetition.status),
                              repetition.reason.empty() ? "" : ": ", repetition.reason);
    if (std::find(facts.reasons.begin(), facts.reasons.end(), reason) == facts.reasons.end()) {
      facts.reasons.push_back(std::move(reason));
    }
  }
  for (const auto& flow : cell.flows) {
    FlowFacts of;
    of.name = flow.name;
    of.measured = flow.measured;
    of.by_probe = flow.by_probe;
    of.connection_ns = flow.connection_ns;
    of.time_ns = static_cast<double>(flow.time_ns);
    of.own_clock = flow.own_clock_ns.has_value();
    of.own_clock_ns = flow.own_clock_ns.value_or(0);
    of.max_ns = flow.max_ns;
    of.stalls = flow.stalls;
    of.cut = flow.open_at_start + flow.open_at_end;
    if (flow.by_probe && !flow.causes.empty()) {
      of.cause = flow.causes.front().cause;
      if (flow.time_ns > 0) {
        of.cause_share = static_cast<double>(flow.causes.front().time_ns) / of.time_ns;
      }
    }
    facts.flows.push_back(std::move(of));
  }
  facts.lost_events = cell.lost_events;
  facts.not_restored = cell.not_restored;
  facts.backend = cell.probes.backend;
  facts.missing = cell.probes.missing;
  facts.expectations = cell.expectations;
  facts.why = std::move(why);
  return facts;
}

Findings findings_of(const std::vector<CellFacts>& cells) {
  const auto found = extremes_of(cells);
  Findings findings;
  findings.lead = lead_of(cells, found);
  auto& points = findings.points;
  add_missed(points, cells);
  // Where expectations took the lead, the stalls follow it.
  const bool judged = std::any_of(cells.begin(), cells.end(),
                                  [](const CellFacts& cell) { return !cell.expectations.empty(); });
  if (judged && found.worst != nullptr) points.push_back(blocked_lead(found, cells.size()));
  add_extremes(points, found, cells.size());
  add_other_causes(points, cells, found);
  add_axis(points, cells);
  add_agreement(points, cells);
  add_doubts(points, cells);
  return findings;
}

}  // namespace netstall
