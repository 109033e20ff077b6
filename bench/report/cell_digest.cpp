#include "bench/report/cell_digest.hpp"

#include <algorithm>
#include <utility>

#include "bench/report/probe_summary.hpp"

namespace netstall {
namespace {

// Histograms of a flow while they are put together; large, so not kept.
struct Merged {
  std::array<std::optional<Histogram>, kCurves> histograms;
  BufferSizes sndbuf;
  BufferSizes rcvbuf;
  std::optional<Stalls> stalls;
  std::size_t repetitions = 0;
  std::size_t with_stalls = 0;
  std::size_t with_own_clock = 0;
  double own_clock_ns = 0;
  double goodput = 0;
  std::size_t with_goodput = 0;
};

void merge_into(std::optional<Histogram>& sum, const std::optional<Histogram>& more) {
  if (!more) return;
  if (sum) {
    sum->merge(*more);
  } else {
    sum = *more;
  }
}

void merge_into(BufferSizes& sum, const BufferSizes& more) {
  if (!sum.requested) sum.requested = more.requested;
  if (!sum.initial) sum.initial = more.initial;
  merge_into(sum.final, more.final);
}

void add_to(std::optional<std::uint64_t>& sum, const std::optional<std::uint64_t>& more) {
  if (more) sum = sum.value_or(0) + *more;
}

void add_flow(FlowDigest& digest, Merged& merged, const FlowResult& flow,
              const Repetition& repetition) {
  digest.name = flow.name;
  digest.requested = flow.connections_requested;
  digest.established = flow.connections_established;
  digest.connection_ns +=
      static_cast<double>(flow.connections_established * flow.senders_per_connection.value_or(1)) *
      static_cast<double>(repetition.window_ns);
  ++merged.repetitions;
  if (flow.stalls) {
    ++merged.with_stalls;
    digest.by_probe = repetition.probes.backend != "own_clock";
    if (merged.stalls) {
      merged.stalls->merge(*flow.stalls);
    } else {
      merged.stalls = *flow.stalls;
    }
  }
  if (flow.own_clock) {
    ++merged.with_own_clock;
    merged.own_clock_ns += static_cast<double>(flow.own_clock->total.time_ns);
  }
  const std::array<const std::optional<Histogram>*, kCurves> sources{
      nullptr, &flow.send_latency, &flow.delivery_latency, &flow.send_call, &flow.connect};
  for (std::size_t i = 1; i < kCurves; ++i) merge_into(merged.histograms[i], *sources[i]);
  merge_into(merged.sndbuf, flow.sndbuf);
  merge_into(merged.rcvbuf, flow.rcvbuf);
  for (const auto& [name, count] : flow.errors) digest.errors[name] += count;
  for (const auto& [name, count] : flow.connections_failed) digest.errors[name] += count;
  add_to(digest.messages, flow.messages);
  add_to(digest.backlog, flow.backlog);
  if (flow.goodput_bytes_per_s) {
    merged.goodput += *flow.goodput_bytes_per_s;
    ++merged.with_goodput;
  }
}

void put_stalls(FlowDigest& digest, const Stalls& stalls, double decades) {
  const auto& total = stalls.total;
  digest.stalls = total.count;
  digest.waits = total.waits;
  digest.time_ns = total.time_ns;
  if (stalls.run_queue_known) digest.run_queue_ns = total.run_queue_ns;
  digest.open_at_start = total.open_at_start;
  digest.open_at_end = total.open_at_end;
  digest.max_ns = total.duration.max().value_or(0);
  digest.curves[static_cast<std::size_t>(CurveOf::stall)] = curve_of(total.duration, decades);
  for (const auto& [cause, of_cause] : stalls.by_cause) {
    if (!of_cause) {
      digest.not_told.emplace_back(name_of(cause));
    } else if (of_cause->count > 0 || of_cause->time_ns > 0) {
      digest.causes.push_back(
          {std::string(name_of(cause)), of_cause->time_ns, of_cause->count, of_cause->waits});
    }
  }
  std::stable_sort(digest.causes.begin(), digest.causes.end(),
                   [](const CauseTime& a, const CauseTime& b) { return a.time_ns > b.time_ns; });
}

SizesDigest digest_of(const BufferSizes& sizes) {
  SizesDigest digest{sizes.requested, sizes.initial, {}, {}};
  if (sizes.final) {
    digest.final_median = sizes.final->percentile(50);
    digest.final_max = sizes.final->max();
  }
  return digest;
}

void finish_flow(FlowDigest& digest, const Merged& merged, double decades) {
  digest.sndbuf = digest_of(merged.sndbuf);
  digest.rcvbuf = digest_of(merged.rcvbuf);
  digest.measured = merged.stalls && merged.with_stalls == merged.repetitions;
  if (digest.measured) put_stalls(digest, *merged.stalls, decades);
  if (merged.with_own_clock == merged.repetitions) digest.own_clock_ns = merged.own_clock_ns;
  for (std::size_t i = 1; i < kCurves; ++i) {
    if (merged.histograms[i]) digest.curves[i] = curve_of(*merged.histograms[i], decades);
  }
  if (merged.with_goodput > 0) {
    digest.goodput_bytes_per_s = merged.goodput / static_cast<double>(merged.with_goodput);
  }
}

void add_counters(KernelCounters& sum, const KernelCounters& more) {
  for (const auto& [name, value] : more.counters) sum.counters[name] += value;
  if (sum.gauges.empty()) sum.gauges = more.gauges;
}

// The largest of the values from `from` to before `to`; nothing where none is known.
std::optional<std::int64_t> peak(const std::vector<std::optional<std::int64_t>>& values,
                                 std::size_t from, std::size_t to) {
  std::optional<std::int64_t> most;
  for (std::size_t i = from; i < std::min(to, values.size()); ++i) {
    if (values[i] && (!most || *values[i] > *most)) most = values[i];
  }
  return most;
}

std::optional<double> mean(const std::vector<std::optional<double>>& values, std::size_t from,
                           std::size_t to) {
  double sum = 0;
  std::size_t count = 0;
  for (std::size_t i = from; i < std::min(to, values.size()); ++i) {
    if (!values[i]) continue;
    sum += *values[i];
    ++count;
  }
  if (count == 0) return std::nullopt;
  return sum / static_cast<double>(count);
}

// Points together: the peak of what was sampled, the mean of what is a rate.
Series thinned(const Series& series, std::size_t most) {
  const auto size = series.t_ns.size();
  if (size <= most || most == 0) return series;
  const auto step = (size + most - 1) / most;
  Series few;
  for (std::size_t from = 0; from < size; from += step) {
    const auto to = std::min(from + step, size);
    few.t_ns.push_back(series.t_ns[to - 1]);
    few.tcp_mem_pages.push_back(peak(series.tcp_mem_pages, from, to));
    few.goodput_bytes_per_s.push_back(mean(series.goodput_bytes_per_s, from, to));
    few.blocked_senders.push_back(peak(series.blocked_senders, from, to));
  }
  return few;
}

std::uint64_t blocked_ns(const Repetition& repetition) {
  std::uint64_t sum = 0;
  for (const auto& flow : repetition.flows) {
    if (flow.stalls) sum += flow.stalls->total.time_ns;
  }
  return sum;
}

// The good repetition with the median blocked time.
const Repetition* typical(const std::vector<const Repetition*>& good) {
  if (good.empty()) return nullptr;
  auto sorted = good;
  std::stable_sort(sorted.begin(), sorted.end(), [](const Repetition* a, const Repetition* b) {
    return blocked_ns(*a) < blocked_ns(*b);
  });
  return sorted[sorted.size() / 2];
}

void put_series(CellDigest& digest, const std::vector<const Repetition*>& good,
                const Detail& detail) {
  const auto* middle = typical(good);
  // The typical one first: it is what is shown before anybody chooses.
  if (middle != nullptr) {
    digest.series.push_back({middle->index, thinned(middle->series, detail.series_points)});
  }
  if (!detail.all_series) return;
  for (const auto* repetition : good) {
    if (repetition == middle) continue;
    digest.series.push_back({repetition->index, thinned(repetition->series, detail.series_points)});
  }
}

void put_flows(CellDigest& digest, const std::vector<const Repetition*>& good, double decades) {
  std::vector<Merged> merged;
  for (const auto* repetition : good) {
    for (const auto& flow : repetition->flows) {
      const auto found =
          std::find_if(digest.flows.begin(), digest.flows.end(),
                       [&](const FlowDigest& known) { return known.name == flow.name; });
      const auto at = static_cast<std::size_t>(found - digest.flows.begin());
      if (at == digest.flows.size()) {
        digest.flows.emplace_back();
        merged.emplace_back();
      }
      add_flow(digest.flows[at], merged[at], flow, *repetition);
    }
  }
  for (std::size_t i = 0; i < merged.size(); ++i) finish_flow(digest.flows[i], merged[i], decades);
}

// What one repetition does not tell, the sum does not.
void add(std::optional<std::int64_t>& sum, const std::optional<std::int64_t>& more) {
  if (sum && more) {
    *sum += *more;
  } else {
    sum.reset();
  }
}

void add_napi(std::map<std::string, NapiFacts>& sums, const Repetition& repetition, bool first) {
  for (const auto& [side, device] : repetition.devices) {
    if (!device.napi) continue;
    if (first) {
      sums.emplace(side, *device.napi);
    } else if (const auto sum = sums.find(side); sum != sums.end()) {
      add(sum->second.polled, device.napi->polled);
      add(sum->second.dropped, device.napi->dropped);
    }
  }
}

}  // namespace

std::optional<double> FlowDigest::blocked_share() const {
  if (!measured || connection_ns <= 0) return std::nullopt;
  return static_cast<double>(time_ns) / connection_ns;
}

ReportParts parts_of_digest(const MetricSelection& selection) {
  ReportParts parts{ReportPart::send_call, ReportPart::send_latency, ReportPart::delivery_latency,
                    ReportPart::connect,   ReportPart::buffers,      ReportPart::kernel,
                    ReportPart::series};
  parts |= parts_of(selection);
  return parts;
}

CellDigest digest_of(const CellResult& cell, const MetricSelection& selection,
                     const Detail& detail) {
  CellDigest digest;
  digest.id = cell.id;
  digest.parameters = cell.parameters;
  digest.expectations = cell.expectations;
  digest.samples = samples_of(cell, selection);
  std::vector<const Repetition*> good;
  for (const auto& repetition : cell.repetitions) {
    digest.repetitions.push_back({repetition.index, repetition.order, repetition.status,
                                  repetition.reason.value_or(""), repetition.started_at,
                                  repetition.window_ns});
    digest.not_restored += repetition.not_restored.size();
    if (repetition.status != Status::ok) continue;
    if (good.empty()) {
      digest.probes = repetition.probes;
      digest.memory_limit = repetition.memory_limit;
    }
    add_napi(digest.napi, repetition, good.empty());
    good.push_back(&repetition);
    digest.lost_events += repetition.probes.lost_events.value_or(0);
    add_counters(digest.kernel[0], repetition.client);
    add_counters(digest.kernel[1], repetition.server);
    add_counters(digest.kernel[2], repetition.host);
  }
  digest.good = static_cast<std::uint32_t>(good.size());
  put_flows(digest, good, detail.decades);
  put_series(digest, good, detail);
  digest.worst = worst_of(cell);
  digest.findings = findings_of(cell);
  return digest;
}

}  // namespace netstall
