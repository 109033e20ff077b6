// A trace as JSON lines: one object of type "trace", one "stall" each, one "summary".
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/printable.hpp"
#include "bench/report/trace_formats.hpp"

namespace netstall {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

std::string time_text(std::int64_t wall_ns) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:09}Z", fmt::gmtime(wall_ns / 1'000'000'000),
                     wall_ns % 1'000'000'000);
}

Json sub_cause(const CausePair& cause) {
  return cause.second ? Json(name_of(*cause.second)) : Json(nullptr);
}

Json end_json(const TracedAddress& address) {
  Json json;
  json["address"] = address_text(address);
  json["port"] = address.port;
  return json;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json stall_json(const TracedStall& stall) {
  Json json;
  json["type"] = "stall";
  json["began_at"] = time_text(stall.began_wall_ns);
  json["began_before_trace"] = stall.began_before_trace;
  json["open"] = stall.open;
  json["comm"] = printable(stall.thread.comm);
  json["process"] = printable(stall.thread.process);
  json["pid"] = stall.thread.pid;
  json["tid"] = stall.thread.tid;
  json["io"] = name_of(stall.io);
  json["local"] = end_json(stall.local);
  json["peer"] = end_json(stall.peer);
  json["netns"] = stall.netns;
  json["duration_ns"] = stall.duration_ns;
  json["run_queue_ns"] = or_null(stall.run_queue_ns);
  json["waits"] = stall.waits;
  json["cause"] = name_of(stall.cause.first);
  json["sub_cause"] = sub_cause(stall.cause);
  auto& by_cause = json["by_cause_ns"] = Json::object();
  for (const auto& [cause, ns] : stall.by_cause) by_cause[to_text(cause)] = ns;
  json["queue_bytes"] = stall.queue_bytes;
  json["sndbuf_bytes"] = stall.sndbuf_bytes;
  json["unsent_bytes"] = stall.unsent_bytes;
  json["window_bytes"] = stall.window_bytes;
  return json;
}

void add_count(Json& json, const TracedCount& count, bool run_queue_known) {
  json["stalls"] = count.stalls;
  json["waits"] = count.waits;
  json["time_ns"] = count.time_ns;
  json["run_queue_ns"] = run_queue_known ? Json(count.run_queue_ns) : Json(nullptr);
  json["longest_ns"] = count.longest_ns;
  json["began_before_trace"] = count.began_before;
  json["open"] = count.open;
}

Json cause_json(const CausePair& cause, const TracedCause& found, bool run_queue_known) {
  Json json;
  json["cause"] = name_of(cause.first);
  json["sub_cause"] = sub_cause(cause);
  add_count(json, found.count, run_queue_known);
  json["p50_ns"] = or_null(found.duration.percentile_if_resolved(50));
  json["p90_ns"] = or_null(found.duration.percentile_if_resolved(90));
  json["p99_ns"] = or_null(found.duration.percentile_if_resolved(99));
  json["hdr"] = found.duration.empty() ? Json(nullptr) : Json(found.duration.encode());
  return json;
}

// Counts by bucket, up to the last that holds any.
Json buckets_json(const TraceBuckets& buckets) {
  auto list = Json::array();
  std::size_t used = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    if (buckets.at(i) != 0) used = i + 1;
  }
  for (std::size_t i = 0; i < used; ++i) list.push_back(buckets.at(i));
  return list;
}

Json process_json(const TracedProcess& found, bool run_queue_known) {
  const bool others = found.pid == 0 && found.process.empty();
  Json json;
  json["pid"] = others ? Json(nullptr) : Json(found.pid);
  json["process"] = others ? Json(nullptr) : Json(printable(found.process));
  json["cause"] = name_of(found.cause.first);
  json["sub_cause"] = sub_cause(found.cause);
  add_count(json, found.count, run_queue_known);
  json["stalls_by_log2_us"] = buckets_json(found.buckets);
  return json;
}

class TraceJson final : public TraceFormatter {
 public:
  bool wants_edges() const override { return false; }

  std::string head(const TraceSetup& setup) const override {
    Json json;
    json["type"] = "trace";
    json["schema"] = "netstall/trace/1";
    json["tool"] = setup.tool;
    json["began_at"] = time_text(setup.began_wall_ns);
    json["filters"] = setup.filters;
    json["backend"] = setup.backend;
    json["notes"] = setup.notes;
    auto& cannot_tell = json["cannot_tell"] = Json::array();
    for (const auto cause : setup.cannot_tell) cannot_tell.push_back(name_of(cause));
    json["max_events_per_s"] = setup.max_events_per_s;
    json["min_ns"] = setup.least_ns;
    return line_of(json);
  }

  std::string line(const TracedStall& stall) const override { return line_of(stall_json(stall)); }
  std::string line(const TracedEdge&) const override { return {}; }

  std::string tail(const TraceSetup&, const TraceSummary& summary) const override {
    Json json;
    json["type"] = "summary";
    json["duration_ns"] = summary.duration_ns;
    add_count(json, summary.total(), summary.run_queue_known);
    auto& causes = json["by_cause"] = Json::array();
    for (const auto& [cause, found] : summary.by_cause) {
      causes.push_back(cause_json(cause, found, summary.run_queue_known));
    }
    auto& processes = json["by_process"] = Json::array();
    for (const auto& found : summary.by_process) {
      processes.push_back(process_json(found, summary.run_queue_known));
    }
    json["lines"] = {{"shown", summary.lines.shown},
                     {"below_min", summary.lines.too_short},
                     {"over_rate", summary.lines.over_rate},
                     {"dropped", summary.lines.dropped}};
    json["lost_waits"] = summary.lost;
    json["lost_processes"] = summary.processes_lost;
    json["command_status"] = or_null(summary.command_status);
    return line_of(json);
  }
};

}  // namespace

std::unique_ptr<TraceFormatter> make_trace_json() {
  return std::make_unique<TraceJson>();
}

}  // namespace netstall
