// docs/metrics.md from the catalogue.
#include <fmt/format.h>

#include <cmath>

#include "base/units.hpp"
#include "bench/verdict/metrics.hpp"

namespace netstall {
namespace {

// "stall." of "stall.mem_shortage.p99": a metric of one cause is listed with that of
// all causes.
bool of_one_cause(const Metric& metric) {
  for (const auto cause : Names<Cause>::list) {
    if (metric.name.find(fmt::format(".{}.", cause)) != std::string::npos) return true;
  }
  return false;
}

std::string quantity(Unit unit, double value) {
  return unit == Unit::bytes ? fmt::format("{} B", value) : human_value(unit, value);
}

std::string smallest_change(const Metric& metric) {
  if (metric.yes_no) {
    return fmt::format("{:.0f} % of repetitions", metric.smallest_absolute * 100);
  }
  return fmt::format("{:.0f} % and {}", metric.smallest_relative * 100,
                     quantity(metric.unit, metric.smallest_absolute));
}

std::string row(const Metric& metric) {
  return fmt::format("| `{}` | {} | {} | {} | {} | {} | {} |\n", metric.name, name_of(metric.unit),
                     metric.direction == Direction::lower_is_better ? "lower" : "higher",
                     name_of(metric.role), quantity(metric.unit, metric.resolution),
                     smallest_change(metric), metric.meaning);
}

std::string causes() {
  std::string text;
  for (const auto cause : Names<Cause>::list) {
    text += fmt::format("{}`{}`", text.empty() ? "" : ", ", cause);
  }
  return text;
}

// The names that `wanted` picks, as a list.
template <class Wanted>
std::string list_of(Wanted wanted) {
  std::string text;
  for (const auto& metric : metrics()) {
    if (wanted(metric)) text += fmt::format("- `{}`\n", metric.name);
  }
  return text;
}

constexpr std::string_view kHead = R"(# Metrics

Every figure that an expectation, a comparison or an export may name. This page is made from the
table in the code; a test says how to write it again when they differ.

A metric has one value per repetition, of one flow group or of the whole repetition. Percentiles are
of the events within that repetition; one with fewer than ten events beyond it has no value. What
was measured and never happened is 0; what was not measured has no value, and neither has a latency
of which there was no event.

- **Better**: whether lower or higher values are.
- **Role** in a comparison: *gating* ones decide its outcome, *reported* ones are compared and shown
  beside them, *named* ones only where they are asked for.
- **Resolution**: what cannot be told apart.
- **Smallest change**: a smaller one does not matter, whatever its statistics. Both bounds must be
  passed. `netstall calibrate` finds what a machine can resolve.

| Metric | Unit | Better | Role | Resolution | Smallest change | Meaning |
|---|---|---|---|---|---|---|
)";

}  // namespace

std::string metrics_markdown() {
  std::string text(kHead);
  for (const auto& metric : metrics()) {
    if (!of_one_cause(metric)) text += row(metric);
  }
  text += fmt::format(
      R"(
## By cause

Each metric that begins with `stall.` or `own_clock.` is also there for the stalls of one cause, as
`stall.mem_shortage.p99`. The causes are {}.
A stall takes the cause that took most of its time. What a probe's backend cannot tell has no value.
These are *named* ones, but for:

{}
## Of the whole repetition only

The kernel or a [probe](probes.md) counts these by namespace or for the whole machine, not by flow group:

{})",
      causes(), list_of([](const Metric& metric) {
        return of_one_cause(metric) && metric.role != Role::named;
      }),
      list_of([](const Metric& metric) { return metric.scope == Scope::whole; }));
  return text;
}

}  // namespace netstall
