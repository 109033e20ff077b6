#include "bench/verdict/metrics.hpp"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "base/nearest.hpp"
#include "base/units.hpp"
#include "bench/verdict/metrics_rows.hpp"

namespace netstall {
namespace {

std::vector<Metric> make_catalogue() {
  std::vector<Metric> catalogue;
  add_stall_metrics(catalogue);
  add_latency_metrics(catalogue);
  add_traffic_metrics(catalogue);
  add_datagram_metrics(catalogue);
  add_kernel_metrics(catalogue);
  add_probe_metrics(catalogue);
  return catalogue;
}

}  // namespace

Reading absent(std::string why) {
  Reading reading;
  reading.why_absent = std::move(why);
  return reading;
}

Reading present(double value) {
  return {.value = value};
}

Reading read_percentile(const Histogram& histogram, double percent) {
  const auto value = percent >= 100 ? histogram.max() : histogram.percentile_if_resolved(percent);
  if (value) return present(static_cast<double>(*value));
  auto reading =
      absent(fmt::format("of {} events fewer than ten lie beyond it", histogram.count()));
  if (const auto least = histogram.min()) reading.at_least = static_cast<double>(*least);
  if (const auto most = histogram.max()) reading.at_most = static_cast<double>(*most);
  return reading;
}

Reading read_cut_percentile(const Histogram& histogram, double percent, std::uint64_t cut,
                            double window_s) {
  if (histogram.empty()) return present(0);
  auto reading = read_percentile(histogram, percent);
  const auto seen = reading.value.value_or(reading.at_most.value_or(0));
  reading.lower_bound =
      cut_too_much(cut, histogram.count()) || (cut > 0 && seen > kLongestShare * 1e9 * window_s);
  if (reading.lower_bound) reading.at_most.reset();
  return reading;
}

std::string_view name_of(Unit unit) {
  switch (unit) {
    case Unit::one:
      return "1";
    case Unit::ns:
      return "ns";
    case Unit::bytes:
      return "bytes";
    case Unit::bytes_per_s:
      return "bytes_per_s";
    case Unit::per_s:
      return "per_s";
  }
  return "?";
}

std::string_view name_of(Role role) {
  switch (role) {
    case Role::gating:
      return "gating";
    case Role::reported:
      return "reported";
    case Role::named:
      return "named";
  }
  return "?";
}

std::span<const Metric> metrics() {
  // A constant: built once, never changed.
  static const std::vector<Metric> kCatalogue = make_catalogue();
  return kCatalogue;
}

const Metric* find_metric(std::string_view name) {
  for (const auto& metric : metrics()) {
    if (metric.name == name) return &metric;
  }
  return nullptr;
}

std::string nearest_metric(std::string_view name) {
  std::vector<std::string_view> names;
  for (const auto& metric : metrics()) names.push_back(metric.name);
  return nearest_word(name, names);
}

std::optional<std::string> fault_of_metric(std::string_view name, std::string_view flow) {
  const Metric* metric = find_metric(name);
  if (metric == nullptr) {
    const auto nearest = nearest_metric(name);
    return fmt::format("there is no metric \"{}\"{}", name,
                       nearest.empty() ? "; docs/metrics.md lists them"
                                       : fmt::format("; did you mean \"{}\"?", nearest));
  }
  if (metric->scope == Scope::whole && !flow.empty()) {
    return fmt::format(
        "{} is measured of the whole repetition, not of a flow group: leave \"flow\" out",
        metric->name);
  }
  return std::nullopt;
}

Reading read_metric(const Metric& metric, RepetitionView& view) {
  if (!view.exists()) return absent("no such flow group");
  if (metric.scope == Scope::whole && !view.whole()) return absent("not measured per flow group");
  auto reading = metric.read(view);
  // A figure that is none (a report of another hand) is no measurement.
  if (reading.value && !std::isfinite(*reading.value)) return absent("not a number");
  return reading;
}

std::optional<double> metric_value(const Repetition& repetition, std::string_view flow,
                                   std::string_view metric) {
  const Metric* found = find_metric(metric);
  if (found == nullptr) return std::nullopt;
  RepetitionView view(repetition, flow);
  return read_metric(*found, view).value;
}

namespace {

// Three digits however small: human_count() ends at hundredths.
std::string human_number(double size) {
  return size > 0 && size < 0.01 ? fmt::format("{:.3g}", size) : human_count(size);
}

}  // namespace

std::string human_value(Unit unit, double value) {
  const std::string sign = value < 0 ? "-" : "";
  const double size = std::abs(value);
  switch (unit) {
    case Unit::ns:
      return sign + human_duration(size);
    case Unit::bytes:
      return sign + human_bytes(size);
    case Unit::bytes_per_s:
      return sign + human_bytes(size) + "/s";
    case Unit::per_s:
      return sign + human_number(size) + "/s";
    case Unit::one:
      return sign + human_number(size);
  }
  return {};
}

}  // namespace netstall
