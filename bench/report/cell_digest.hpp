// A cell reduced to what a page or a pull request shows of it: all its good
// repetitions together, and a value per repetition of each metric.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/report/curve.hpp"
#include "bench/verdict/samples.hpp"
#include "model/report.hpp"
#include "model/report_parts.hpp"

namespace netstall {

// What is kept of a histogram, and of a series.
struct Detail {
  double decades = 0.01;            // the smallest step of a curve
  std::size_t series_points = 400;  // of one repetition
  bool all_series = true;           // else the typical repetition's alone
};

// The distributions of a flow that are plotted.
enum class CurveOf : std::uint8_t { stall, send_latency, delivery_latency, send_call, connect };
template <>
struct Names<CurveOf> {
  static constexpr std::array<std::string_view, 5> list{"stall", "send_latency", "delivery_latency",
                                                        "send_call", "connect"};
};
constexpr std::size_t kCurves = Names<CurveOf>::list.size();

struct CauseTime {
  std::string cause;
  std::uint64_t time_ns = 0;
  std::uint64_t count = 0;
  std::uint64_t waits = 0;
};

// A socket buffer's size: asked for, after the set-up, at the end (over connections).
struct SizesDigest {
  std::optional<std::uint64_t> requested;
  std::optional<std::uint64_t> initial;
  std::optional<std::uint64_t> final_median;
  std::optional<std::uint64_t> final_max;
};

// One flow group over the good repetitions. Times in ns.
struct FlowDigest {
  std::string name;
  std::uint64_t requested = 0;  // connections of one repetition
  std::uint64_t established = 0;
  double connection_ns = 0;  // their senders × window, summed
  bool measured = false;     // stalls, in every good repetition
  bool by_probe = false;     // else by the senders' own clocks: no causes
  std::uint64_t stalls = 0;
  std::uint64_t waits = 0;
  std::uint64_t time_ns = 0;
  std::optional<std::uint64_t> run_queue_ns;
  std::uint64_t open_at_start = 0;
  std::uint64_t open_at_end = 0;
  std::uint64_t max_ns = 0;
  std::vector<CauseTime> causes;       // the most time first
  std::vector<std::string> not_told;   // causes that the backend cannot tell
  std::optional<double> own_clock_ns;  // blocked time by the senders' own clocks
  std::array<std::optional<Curve>, kCurves> curves;
  SizesDigest sndbuf;
  SizesDigest rcvbuf;
  std::map<std::string, std::uint64_t> errors;
  std::optional<double> goodput_bytes_per_s;  // mean over the repetitions
  std::optional<std::uint64_t> messages;
  std::optional<std::uint64_t> backlog;

  // The share of its time that a connection was blocked; nothing where unknown.
  std::optional<double> blocked_share() const;
};

struct RepetitionDigest {
  std::uint32_t index = 0;
  std::uint32_t order = 0;
  Status status = Status::ok;
  std::string reason;
  std::string started_at;
  std::int64_t window_ns = 0;
};

struct SeriesDigest {
  std::uint32_t repetition = 0;
  Series series;
};

struct CellDigest {
  std::string id;
  std::map<std::string, std::string> parameters;
  std::uint32_t good = 0;
  std::vector<RepetitionDigest> repetitions;
  std::vector<FlowDigest> flows;
  CellSamples samples;
  ProbeReport probes;  // of the first good repetition
  std::uint64_t lost_events = 0;
  std::uint64_t not_restored = 0;
  std::array<KernelCounters, 3>
      kernel;  // client, server, host: counters summed; gauges of the first
  std::map<std::string, std::string> memory_limit;
  std::map<std::string, NapiFacts> napi;  // side → of its veth; packets of all good repetitions
  std::vector<SeriesDigest> series;
  std::vector<Offender> worst;                                // the longest stalls, longest first
  std::vector<std::pair<std::string, std::string>> findings;  // probe, what it found in words
  std::vector<ExpectationResult> expectations;
};

// What of a report digest_of() reads, beside what the metrics need.
ReportParts parts_of_digest(const MetricSelection& selection);

CellDigest digest_of(const CellResult& cell, const MetricSelection& selection,
                     const Detail& detail);

}  // namespace netstall
