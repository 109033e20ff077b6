// Metrics of stalls: by the probe ("stall.") and by the workers' own clocks
// ("own_clock."), of all causes and of each.
#include <fmt/format.h>

#include <optional>

#include "bench/verdict/metrics_rows.hpp"

namespace netstall {
namespace {

// Of what was looked at.
struct Extent {
  double window_s;
  double connection_seconds;
};

// One figure of the stalls of one cause, or of all; `all` is what they are part of.
using Figure = Reading (*)(const StallCount& stalls, const Stalls& all, const Extent& extent);

struct Row {
  std::string_view name;
  Unit unit;
  bool yes_no;
  Role role;           // by the probe, of all causes
  Role role_by_cause;  // by the probe, of one cause
  // By the workers' own clocks, of all causes; absent: they cannot tell it.
  std::optional<Role> role_own_clock;
  double resolution;
  double relative;
  double absolute;
  Figure figure;
  std::string_view meaning;  // {} is "stalls" or "stalls whose cause was sndbuf_full"
};

Reading count(std::uint64_t value) {
  return present(static_cast<double>(value));
}

template <int kPermille>
Reading duration(const StallCount& stalls, const Stalls&, const Extent& extent) {
  return read_cut_percentile(stalls.duration, kPermille / 10.0,
                             stalls.open_at_start + stalls.open_at_end, extent.window_s);
}

template <int kPermille>
Reading wait(const StallCount& stalls, const Stalls&, const Extent& extent) {
  if (!stalls.wait) return absent("this backend does not time single waits");
  return read_cut_percentile(*stalls.wait, kPermille / 10.0,
                             stalls.open_at_start + stalls.open_at_end, extent.window_s);
}

// A microsecond is about what one wake-up differs from the next. Below 0.1 ms of
// blocking, or 0.01 % of a connection's time, a change is nobody's stall.
constexpr double kStep = 1e3;
constexpr double kMatters = 1e5;
constexpr double kCentral = kCentralChange;
constexpr double kTail = kTailChange;
constexpr double kExtreme = kExtremeChange;
constexpr auto kGating = Role::gating;
constexpr auto kReported = Role::reported;
constexpr auto kNamed = Role::named;
constexpr auto kNever = std::nullopt;

constexpr Row kRows[] = {
    {"occurrence", Unit::one, true, kGating, kNamed, kReported, 1, 0, 0.25,
     [](const StallCount& stalls, const Stalls&, const Extent&) {
       return present(stalls.count > 0 ? 1 : 0);
     },
     "1 where there were {} in the window, else 0"},
    {"time", Unit::ns, false, kGating, kReported, kReported, kStep, kCentral, kMatters,
     [](const StallCount& stalls, const Stalls&, const Extent& extent) {
       return present(static_cast<double>(stalls.time_ns) / extent.connection_seconds);
     },
     "Time blocked in {}, per connection and second of the window"},
    {"p50", Unit::ns, false, kReported, kNamed, kNamed, kStep, kCentral, kMatters, duration<500>,
     "Median duration of {}"},
    {"p90", Unit::ns, false, kNamed, kNamed, kNamed, kStep, kCentral, kMatters, duration<900>,
     "90th percentile of the duration of {}"},
    {"p99", Unit::ns, false, kGating, kNamed, kReported, kStep, kTail, kMatters, duration<990>,
     "99th percentile of the duration of {}"},
    {"p999", Unit::ns, false, kReported, kNamed, kNamed, kStep, kExtreme, kMatters, duration<999>,
     "99.9th percentile of the duration of {}"},
    {"max", Unit::ns, false, kReported, kNamed, kNamed, kStep, kExtreme, kMatters, duration<1000>,
     "Longest of the {}"},
    {"count", Unit::one, false, kNamed, kNamed, kNamed, 1, kCentral, 10,
     [](const StallCount& stalls, const Stalls&, const Extent&) { return count(stalls.count); },
     "Number of {}, those that an edge of the window cut among them"},
    {"rate", Unit::per_s, false, kReported, kReported, kNamed, 1e-6, kCentral, 1e-3,
     [](const StallCount& stalls, const Stalls&, const Extent& extent) {
       return present(static_cast<double>(stalls.count) / extent.connection_seconds);
     },
     "Number of {} per connection and second of the window"},
    {"open_at_end", Unit::one, false, kReported, kNamed, kNamed, 1, kCentral, 1,
     [](const StallCount& stalls, const Stalls&, const Extent&) {
       return count(stalls.open_at_end);
     },
     "Number of {} that had not ended when the window did"},
    {"waits", Unit::one, false, kNamed, kNamed, kNamed, 1, kCentral, 10,
     [](const StallCount& stalls, const Stalls&, const Extent&) { return count(stalls.waits); },
     "Number of waits inside {}"},
    {"wait_p50", Unit::ns, false, kNamed, kNamed, kNever, kStep, kCentral, kMatters, wait<500>,
     "Median duration of a wait inside {}"},
    {"wait_p99", Unit::ns, false, kNamed, kNamed, kNever, kStep, kTail, kMatters, wait<990>,
     "99th percentile of the duration of a wait inside {}"},
    {"wait_max", Unit::ns, false, kNamed, kNamed, kNever, kStep, kExtreme, kMatters, wait<1000>,
     "Longest wait inside {}"},
    {"run_queue", Unit::ns, false, kReported, kNamed, kNever, kStep, kCentral, kMatters,
     [](const StallCount& stalls, const Stalls& all, const Extent& extent) {
       if (!all.run_queue_known) return absent("this backend cannot tell run-queue delay");
       return present(static_cast<double>(stalls.run_queue_ns) / extent.connection_seconds);
     },
     "Time in {} that passed between a wake-up and running again, per connection and second"},
};

Reading read_stalls(RepetitionView& view, bool own_clock, std::optional<Cause> cause,
                    Figure figure) {
  const Stalls* stalls = view.stalls(own_clock);
  if (stalls == nullptr) {
    return absent(own_clock ? "the workers' own clocks measured no stalls here"
                            : "no probe measured stalls");
  }
  const Extent extent{view.window_s(), view.connections_established() * view.window_s()};
  // Without a connection nothing could stall, which is no measurement of 0.
  if (!(extent.connection_seconds > 0)) return absent("no connection was established");
  if (!cause) return figure(stalls->total, *stalls, extent);
  const auto by_cause = stalls->by_cause.find(*cause);
  if (by_cause == stalls->by_cause.end() || !by_cause->second) {
    return absent(fmt::format("this backend cannot tell the cause {}", name_of(*cause)));
  }
  return figure(*by_cause->second, *stalls, extent);
}

// The histograms that are the bulk of a report; durations of all causes are read anyway.
ReportParts parts_of(const Row& row, std::optional<Cause> cause) {
  if (row.name.starts_with("wait_")) return {ReportPart::waits};
  const bool duration = row.name == "max" || (row.name.starts_with('p') && row.unit == Unit::ns);
  return duration && cause ? ReportParts{ReportPart::cause_durations} : ReportParts{};
}

Metric make_metric(const Row& row, bool own_clock, std::optional<Cause> cause) {
  std::string name = own_clock ? "own_clock." : "stall.";
  std::string what = "stalls";
  if (cause) {
    name += fmt::format("{}.", name_of(*cause));
    what += fmt::format(" whose cause was {}", name_of(*cause));
  }
  return {.name = name + std::string(row.name),
          .unit = row.unit,
          .role = own_clock ? (cause ? Role::named : *row.role_own_clock)
                            : (cause ? row.role_by_cause : row.role),
          .yes_no = row.yes_no,
          .resolution = row.resolution,
          .smallest_relative = row.relative,
          .smallest_absolute = row.absolute,
          .parts = parts_of(row, cause),
          .meaning = fmt::format(fmt::runtime(row.meaning), what) +
                     (own_clock ? ", by the workers' own clocks." : "."),
          .read = [own_clock, cause, figure = row.figure](RepetitionView& view) {
            return read_stalls(view, own_clock, cause, figure);
          }};
}

}  // namespace

void add_stall_metrics(std::vector<Metric>& catalogue) {
  std::vector<std::optional<Cause>> causes{std::nullopt};
  for (std::size_t i = 0; i < kCauses; ++i) causes.emplace_back(static_cast<Cause>(i));
  for (const bool own_clock : {false, true}) {
    for (const auto cause : causes) {
      for (const auto& row : kRows) {
        if (own_clock && !row.role_own_clock) continue;
        catalogue.push_back(make_metric(row, own_clock, cause));
      }
    }
  }
}

}  // namespace netstall
