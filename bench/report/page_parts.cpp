#include "bench/report/page_parts.hpp"

#include <algorithm>
#include <cmath>

#include "bench/report/comparison_formats.hpp"
#include "bench/verdict/statistics.hpp"

namespace netstall {
namespace {

void write_texts(PageJson& json, const std::map<std::string, std::string>& texts) {
  json.open('{');
  for (const auto& [name, text] : texts) json.key(name).text(text);
  json.close('}');
}

void write_counts(PageJson& json, const std::map<std::string, std::uint64_t>& counts) {
  json.open('{');
  for (const auto& [name, count] : counts) json.key(name).count(count);
  json.close('}');
}

void write_curve(PageJson& json, const Curve& curve) {
  json.open('{').key("n").count(curve.count);
  json.key("min").figure(static_cast<double>(curve.min)).key("mean").figure(curve.mean);
  json.key("percentiles").open('[');
  for (const auto& value : curve.percentiles) {
    json.figure(value ? std::optional(static_cast<double>(*value)) : std::nullopt);
  }
  json.close(']').key("points").open('[');
  for (const auto& point : curve.points) {
    json.figure(static_cast<double>(point.value)).count(point.above);
  }
  json.close(']').close('}');
}

void write_sizes(PageJson& json, const SizesDigest& sizes) {
  const auto number = [](const std::optional<std::uint64_t>& value) {
    return value ? std::optional(static_cast<double>(*value)) : std::nullopt;
  };
  json.open('[').figure(number(sizes.requested)).figure(number(sizes.initial));
  json.figure(number(sizes.final_median)).figure(number(sizes.final_max)).close(']');
}

void write_flow(PageJson& json, const FlowDigest& flow) {
  json.open('{').key("name").text(flow.name);
  json.key("connections").open('[').count(flow.established).count(flow.requested).close(']');
  json.key("measured").flag(flow.measured).key("probe").flag(flow.by_probe);
  json.key("connection_ns").figure(flow.connection_ns);
  json.key("stalls").count(flow.stalls).key("waits").count(flow.waits);
  json.key("time_ns").figure(static_cast<double>(flow.time_ns));
  json.key("own_ns").figure(flow.own_clock_ns);
  json.key("max_ns").figure(static_cast<double>(flow.max_ns));
  json.key("open").open('[').count(flow.open_at_start).count(flow.open_at_end).close(']');
  json.key("causes").open('[');
  for (const auto& cause : flow.causes) {
    json.open('[').text(cause.cause).figure(static_cast<double>(cause.time_ns));
    json.count(cause.count).count(cause.waits).close(']');
  }
  json.close(']').key("not_told").open('[');
  for (const auto& cause : flow.not_told) json.text(cause);
  json.close(']').key("curves").open('{');
  for (std::size_t i = 0; i < kCurves; ++i) {
    if (!flow.curves[i]) continue;
    json.key(Names<CurveOf>::list[i]);
    write_curve(json, *flow.curves[i]);
  }
  json.close('}').key("sndbuf");
  write_sizes(json, flow.sndbuf);
  json.key("rcvbuf");
  write_sizes(json, flow.rcvbuf);
  json.key("errors");
  write_counts(json, flow.errors);
  json.close('}');
}

void write_series(PageJson& json, const SeriesDigest& digest) {
  const auto& series = digest.series;
  json.open('{').key("repetition").count(digest.repetition).key("t_ms").open('[');
  for (const auto t : series.t_ns) json.whole(t / 1'000'000);
  json.close(']').key("tcp_mem_pages").open('[');
  const auto whole = [&json](const std::optional<std::int64_t>& value) {
    if (value) {
      json.whole(*value);
    } else {
      json.null();
    }
  };
  for (const auto& pages : series.tcp_mem_pages) whole(pages);
  json.close(']').key("goodput").open('[');
  for (const auto& rate : series.goodput_bytes_per_s) json.figure(rate);
  json.close(']').key("blocked").open('[');
  for (const auto& senders : series.blocked_senders) whole(senders);
  json.close(']').close('}');
}

void write_path(PageJson& json, const Path& path) {
  json.open('{').key("connection_ns").figure(path.connection_ns);
  json.key("where").text(path.where).key("why").text(path.why).key("stations").open('[');
  for (const auto& station : path.stations) {
    json.open('{').key("name").text(station.name).key("place").text(station.place);
    json.key("waited_ns").figure(station.waited_ns).key("waiting").text(station.waiting);
    json.key("dropped");
    if (station.dropped) {
      json.count(*station.dropped);
    } else {
      json.null();
    }
    json.key("facts").open('[');
    for (const auto& [what, how_much] : station.facts) {
      json.open('[').text(what).text(how_much).close(']');
    }
    json.close(']').key("no_data").text(station.no_data).close('}');
  }
  json.close(']').close('}');
}

void write_expectations(PageJson& json, const std::vector<ExpectationResult>& results) {
  json.open('[');
  for (const auto& result : results) {
    json.open('{').key("passed").flag(result.passed).key("flow").text(result.expectation.flow);
    json.key("metric").text(result.expectation.metric);
    json.key("at_most").figure(result.expectation.at_most);
    json.key("at_least").figure(result.expectation.at_least);
    json.key("observed").figure(result.observed).key("reason").text(result.reason).close('}');
  }
  json.close(']');
}

void write_repetitions(PageJson& json, const CellDigest& cell) {
  json.open('[');
  for (const auto& repetition : cell.repetitions) {
    json.open('[').count(repetition.index).count(repetition.order);
    json.text(name_of(repetition.status)).text(repetition.reason).text(repetition.started_at);
    json.figure(static_cast<double>(repetition.window_ns)).close(']');
  }
  json.close(']');
}

std::int64_t flow_index(const CellSamples& samples, const std::string& flow) {
  const auto found = std::find(samples.flows.begin(), samples.flows.end(), flow);
  return found == samples.flows.end() ? -1 : found - samples.flows.begin();
}

std::vector<double> known(const SampleRow& row) {
  std::vector<double> values;
  for (const auto& value : row.values) {
    if (value && std::isfinite(*value)) values.push_back(*value);
  }
  std::sort(values.begin(), values.end());
  return values;
}

// Every repetition's value: [metric, flow, [values]], null where it is absent.
void write_values(PageJson& json, const CellSamples& samples) {
  json.open('[');
  for (const auto& row : samples.rows) {
    if (known(row).empty()) continue;
    json.open('[').text(row.metric->name).whole(flow_index(samples, row.flow)).open('[');
    for (const auto& value : row.values) json.figure(value);
    json.close(']').close(']');
  }
  json.close(']');
}

void write_counters(PageJson& json, const KernelCounters& counters) {
  json.open('{');
  for (const auto& [name, value] : counters.counters) json.key(name).whole(value);
  json.close('}');
}

// The socket of each of the longest stalls; its stack, innermost first.
void write_worst(PageJson& json, const std::vector<Offender>& worst) {
  json.open('[');
  for (const auto& one : worst) {
    json.open('{').key("flow").text(one.flow).key("cause").text(name_of(one.cause));
    json.key("sub").text(one.sub_cause ? name_of(*one.sub_cause) : "");
    json.key("ns").figure(static_cast<double>(one.duration_ns)).key("waits").count(one.waits);
    json.key("open").flag(one.open_at_end);
    json.key("local").text(one.local).key("remote").text(one.remote);
    json.key("queued").count(one.queued_bytes).key("sndbuf").count(one.sndbuf_bytes);
    json.key("window").count(one.peer_window_bytes).key("pages").count(one.tcp_mem_pages);
    json.key("stack").open('[');
    if (one.stack) {
      for (const auto& frame : *one.stack) json.text(frame);
    }
    json.close(']').key("no_stack").text(one.no_stack.value_or("")).close('}');
  }
  json.close(']');
}

void write_findings(PageJson& json,
                    const std::vector<std::pair<std::string, std::string>>& findings) {
  json.open('[');
  for (const auto& [probe, found] : findings) {
    json.open('[').text(probe).text(found).close(']');
  }
  json.close(']');
}

void write_interval(PageJson& json, const std::optional<Interval>& interval) {
  if (!interval) {
    json.null();
    return;
  }
  json.open('[').figure(interval->low).figure(interval->high).close(']');
}

void write_arm(PageJson& json, const ArmSummary& arm) {
  json.open('[').count(arm.count).count(arm.nonzero);
  json.figure(arm.count == 0 ? std::nullopt : std::optional(arm.median)).close(']');
}

void write_row(PageJson& json, const ComparisonRow& row) {
  const auto& metric = *row.metric;
  json.open('{').key("cell").text(row.cell->id).key("flow").text(metric.flow);
  json.key("metric").text(metric.metric->name).key("gating").flag(metric.gating);
  json.key("verdict").text(name_of(metric.verdict)).key("worse").flag(metric.worse);
  json.key("reason").text(reason_text(metric)).key("change").text(change_text(metric));
  json.key("a");
  write_arm(json, metric.a);
  json.key("b");
  write_arm(json, metric.b);
  json.key("ratio").figure(metric.ratio).key("interval");
  write_interval(json, metric.ratio_interval);
  json.key("q").figure(metric.q).key("smallest").figure(metric.smallest_relative).close('}');
}

}  // namespace

std::string inert_json(std::string_view json) {
  std::string out;
  for (const char c : json) {
    // Outside of strings JSON has none of these.
    if (c == '<') {
      out += "\\u003c";
    } else if (c == '>') {
      out += "\\u003e";
    } else if (c == '&') {
      out += "\\u0026";
    } else {
      out += c;
    }
  }
  return out;
}

std::string path_json(const Path& path) {
  std::string out;
  PageJson json(out);
  write_path(json, path);
  return out;
}

std::string cell_json(const CellDigest& cell) {
  std::string out;
  PageJson json(out);
  json.open('{').key("flows").open('[');
  for (const auto& flow : cell.flows) write_flow(json, flow);
  json.close(']').key("repetitions");
  write_repetitions(json, cell);
  json.key("good").open('[');
  for (const auto index : cell.samples.indices) json.count(index);
  json.close(']').key("values");
  write_values(json, cell.samples);
  json.key("series").open('[');
  for (const auto& series : cell.series) write_series(json, series);
  json.close(']').key("expectations");
  write_expectations(json, cell.expectations);
  json.key("kernel").open('{');
  for (std::size_t i = 0; i < cell.kernel.size(); ++i) {
    json.key(i == 2 ? "host" : name_of(static_cast<Side>(i)));
    write_counters(json, cell.kernel[i]);
  }
  json.close('}').key("memory_limit");
  write_texts(json, cell.memory_limit);
  json.key("backend").text(cell.probes.backend).key("missing");
  write_texts(json, cell.probes.missing);
  json.key("worst");
  write_worst(json, cell.worst);
  json.key("findings");
  write_findings(json, cell.findings);
  json.close('}');
  return out;
}

void write_overview_row(PageJson& json, const CellDigest& cell, std::size_t report) {
  json.open('{').key("report").count(report).key("id").text(cell.id).key("parameters");
  write_texts(json, cell.parameters);
  json.key("repetitions").open('[').count(cell.good).count(cell.repetitions.size()).close(']');
  json.key("flows").open('[');
  for (const auto& flow : cell.samples.flows) json.text(flow);
  json.close(']').key("causes").open('[');
  for (const auto& flow : cell.flows) {
    json.open('[').figure(flow.blocked_share());
    for (const auto& cause : flow.causes) {
      json.text(cause.cause).figure(static_cast<double>(cause.time_ns) / flow.connection_ns);
    }
    json.close(']');
  }
  json.close(']').key("rows").open('[');
  for (const auto& row : cell.samples.rows) {
    const auto values = known(row);
    // A median of those alone in which enough happened would be biased.
    if (values.empty() || values.size() < row.values.size()) continue;
    json.open('[').text(row.metric->name).whole(flow_index(cell.samples, row.flow));
    json.figure(median(values)).figure(values.front()).figure(values.back()).close(']');
  }
  json.close(']').key("expectations").open('[');
  json.count(static_cast<std::uint64_t>(
      std::count_if(cell.expectations.begin(), cell.expectations.end(),
                    [](const ExpectationResult& result) { return result.passed; })));
  json.count(cell.expectations.size()).close(']').close('}');
}

void write_report_head(PageJson& json, const Report& head, std::string_view file,
                       const ScenarioFacts& facts) {
  json.open('{').key("file").text(file).key("name").text(facts.name).key("why").text(facts.why);
  json.key("started_at").text(head.started_at).key("seed").count(head.seed);
  json.key("scenario_hash").text(head.scenario_hash);
  json.key("tool").open('{').key("version").text(head.tool.version);
  json.key("revision").text(head.tool.revision).key("compiler").text(head.tool.compiler);
  json.key("libbpf").text(head.tool.libbpf).close('}').key("environment");
  write_texts(json, head.environment);
  json.key("scenario");
  if (head.scenario_json.empty()) {
    json.null();
  } else {
    json.raw(inert_json(head.scenario_json));
  }
  json.close('}');
}

void write_metrics(PageJson& json, const MetricSelection& selection) {
  json.open('[');
  for (const auto* metrics : {&selection.gating, &selection.reported}) {
    for (const Metric* metric : *metrics) {
      json.open('{').key("name").text(metric->name).key("unit").text(name_of(metric->unit));
      json.key("higher").flag(metric->direction == Direction::higher_is_better);
      json.key("yes_no").flag(metric->yes_no).key("gating").flag(metrics == &selection.gating);
      json.key("matters").open('[').figure(metric->smallest_relative);
      json.figure(metric->smallest_absolute).close(']');
      json.key("meaning").text(metric->meaning).close('}');
    }
  }
  json.close(']');
}

void write_comparison(PageJson& json, const Comparison& comparison, std::string_view title,
                      std::size_t rows) {
  json.open('{').key("title").text(title).key("a").text(comparison.name_a);
  json.key("b").text(comparison.name_b).key("outcome").text(name_of(comparison.outcome()));
  json.key("counts").text(counts_text(comparison)).key("design");
  json.text(name_of(comparison.design)).key("level").figure(comparison.level);
  json.key("remarks").open('[');
  for (const auto& remark : remarks(comparison)) json.text(remark);
  json.close(']').key("rows").open('[');
  std::size_t written = 0;
  std::size_t all = 0;
  for (const bool gating : {true, false}) {
    const auto sorted = worst_first(comparison, gating);
    all += sorted.size();
    for (const auto& row : sorted) {
      if (written++ < rows) write_row(json, row);
    }
  }
  json.close(']').key("all_rows").count(all).close('}');
}

}  // namespace netstall
