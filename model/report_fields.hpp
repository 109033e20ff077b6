// Every field of a report under its name in JSON, in the order in which it is
// written: writer, reader and the test against the JSON Schema all follow this
// list. A new field is one line here:
//   v(name, member)            may be absent in older reports
//   v.required(name, member)   may not
//   v.text(name, member)       a text that is null when empty
//   v.group(name, body)        an object within, whose fields `body(v)` lists
// An absent optional is null.
#pragma once

#include "model/report.hpp"

namespace netstall {

template <class V>
void fields(V& v, BufferSizes& sizes) {
  v.required("requested", sizes.requested);
  v.required("initial", sizes.initial);
  v.required("final", sizes.final);
}

template <class V>
void fields(V& v, OptionValues& values) {
  v.required("requested", values.requested);
  v.required("initial", values.initial);
  v.required("final", values.final);
}

// Whether run-queue delay is known stands in Stalls; here it is null or not.
template <class V>
void fields(V& v, StallCount& stalls, std::optional<std::uint64_t>& run_queue_ns) {
  v.required("count", stalls.count);
  v.required("waits", stalls.waits);
  v.required("time_ns", stalls.time_ns);
  v("run_queue_ns", run_queue_ns);
  v.required("duration_ns", stalls.duration);
  v.required("wait_ns", stalls.wait);
  v.required("open_at_start", stalls.open_at_start);
  v.required("open_at_end", stalls.open_at_end);
}

template <class V>
void fields(V& v, Unsure& unsure) {
  v.required("stalls", unsure.stalls);
  v.required("waits", unsure.waits);
  v.required("open", unsure.open);
}

template <class V>
void fields(V& v, ZerocopyResult& zerocopy) {
  v.required("sends", zerocopy.sends);
  v.required("refused", zerocopy.refused);
  v.required("completed", zerocopy.completed);
  v.required("copied", zerocopy.copied);
}

template <class V>
void fields(V& v, WaitCount& waits) {
  v.required("waits", waits.waits);
  v.required("time_ns", waits.time_ns);
}

template <class V>
void fields(V& v, DatagramCounts& datagrams) {
  v.required("sent", datagrams.sent);
  v.required("received", datagrams.received);
  v.required("unread", datagrams.unread);
  v.required("lost", datagrams.lost);
  v.required("reordered", datagrams.reordered);
  v.required("duplicated", datagrams.duplicated);
  v.required("delivered", datagrams.delivered);
}

template <class V>
void fields(V& v, TcpInfo& info) {
  v.required("connections", info.connections);
  v.required("elapsed_ns", info.elapsed_ns);
  v.required("busy_ns", info.busy_ns);
  v.required("rwnd_limited_ns", info.rwnd_limited_ns);
  v.required("sndbuf_limited_ns", info.sndbuf_limited_ns);
  v.required("send_queue_bytes", info.send_queue);
  v.required("receive_queue_bytes", info.receive_queue);
}

template <class V>
void fields(V& v, FlowResult& flow) {
  v.required("name", flow.name);
  v.group("connections", [&flow](auto& in) {
    in.required("requested", flow.connections_requested);
    in.required("established", flow.connections_established);
    in.required("failed", flow.connections_failed);
    in("alive", flow.connections_alive);
  });
  v.group("socket", [&flow](auto& in) {
    in.required("sndbuf", flow.sndbuf);
    in.required("rcvbuf", flow.rcvbuf);
    in("options", flow.options);
  });
  v("tcp_info", flow.tcp_info);
  v.required("goodput_bytes_per_s", flow.goodput_bytes_per_s);
  v.required("messages", flow.messages);
  v("errors", flow.errors);
  v("backlog", flow.backlog);
  v("vain_sends", flow.vain_sends);
  v("senders_per_connection", flow.senders_per_connection);
  v.required("send_call_ns", flow.send_call);
  v.required("send_latency_ns", flow.send_latency);
  v.required("acked_latency_ns", flow.acked_latency);
  v("kernel_acked_latency_ns", flow.kernel_acked_latency);
  v.required("delivery_latency_ns", flow.delivery_latency);
  v.required("connect_ns", flow.connect);
  v("datagrams", flow.datagrams);
  v.required("own_clock", flow.own_clock);
  v("own_clock_unsure", flow.own_clock_unsure);
  v("zerocopy", flow.zerocopy);
  v.required("stalls", flow.stalls);
}

template <class V>
void fields(V& v, Offender& offender) {
  v.required("flow", offender.flow);
  v.required("cause", offender.cause);
  v.required("sub_cause", offender.sub_cause);
  v.required("duration_ns", offender.duration_ns);
  v.required("waits", offender.waits);
  v.required("began_ns", offender.began_ns);
  v.required("open_at_end", offender.open_at_end);
  v.required("local", offender.local);
  v.required("remote", offender.remote);
  v.required("queued_bytes", offender.queued_bytes);
  v.required("sndbuf_bytes", offender.sndbuf_bytes);
  v.required("peer_window_bytes", offender.peer_window_bytes);
  v.required("tcp_mem_pages", offender.tcp_mem_pages);
  v.required("stack", offender.stack);
  v.required("no_stack", offender.no_stack);
}

template <class V>
void fields(V& v, SpellCount& spells) {
  v.required("count", spells.count);
  v.required("time_ns", spells.time_ns);
  v.required("duration_ns", spells.duration);
  v.required("open_at_start", spells.open_at_start);
  v.required("open_at_end", spells.open_at_end);
}

template <class V>
void fields(V& v, ProbeFinding& finding) {
  v.required("backend", finding.backend);
  v("events", finding.events);
  v("spells", finding.spells);
  v("notes", finding.notes);
  v.required("lost_events", finding.lost_events);
  v.group("cost", [&finding](auto& in) {
    in.required("runs", finding.cost_runs);
    in.required("time_ns", finding.cost_time_ns);
  });
}

template <class V>
void fields(V& v, ProbeReport& probes) {
  v.required("backend", probes.backend);
  v.required("missing", probes.missing);
  v("cannot_tell", probes.cannot_tell);
  v("notes", probes.notes);
  v.required("lost_events", probes.lost_events);
  v("lost_offenders", probes.lost_offenders);
  v.group("cost", [&probes](auto& in) {
    in.required("runs", probes.cost_runs);
    in.required("time_ns", probes.cost_time_ns);
    in("interval_ns", probes.cost_interval_ns);
  });
}

template <class V>
void fields(V& v, std::pair<std::int64_t, std::int64_t>& gauge) {
  v.required("start", gauge.first);
  v.required("end", gauge.second);
}

template <class V>
void fields(V& v, KernelCounters& counters) {
  v.required("counters", counters.counters);
  v.required("gauges", counters.gauges);
}

template <class V>
void fields(V& v, Series& series) {
  v.required("t_ns", series.t_ns);
  v.required("tcp_mem_pages", series.tcp_mem_pages);
  v.required("goodput_bytes_per_s", series.goodput_bytes_per_s);
  v.required("blocked_senders", series.blocked_senders);
}

template <class V>
void fields(V& v, ExpectationResult& result) {
  v.text("flow", result.expectation.flow);
  v.required("metric", result.expectation.metric);
  v.required("at_most", result.expectation.at_most);
  v.required("at_least", result.expectation.at_least);
  v("quantity", result.expectation.quantity);
  v("equals", result.expectation.equals);
  v("against", result.expectation.against);
  v.text("against_cell", result.against_cell);
  v("against_observed", result.against_observed);
  v.required("observed", result.observed);
  v.required("passed", result.passed);
  v.text("reason", result.reason);
}

template <class V>
void fields(V& v, NapiFacts& napi) {
  v.required("enabled", napi.enabled);
  v.required("polled", napi.polled);
  v.required("dropped", napi.dropped);
}

template <class V>
void fields(V& v, DeviceFacts& device) {
  v.required("name", device.name);
  v.required("driver", device.driver);
  v.required("mtu", device.mtu);
  v.required("speed_bits_per_s", device.speed_bits_per_s);
  v.required("ring", device.ring);
  v.required("coalescing", device.coalescing);
  v.required("interrupts", device.interrupts);
  v.required("drops", device.drops);
  v.required("driver_drops", device.driver_drops);
  v("napi", device.napi);
}

template <class V>
void fields(V& v, Repetition& repetition) {
  v.required("index", repetition.index);
  v.required("order", repetition.order);
  v("cell", repetition.cell);
  v.required("status", repetition.status);
  v.required("reason", repetition.reason);
  v.required("started_at", repetition.started_at);
  v.required("duration_ns", repetition.duration_ns);
  v("window_ns", repetition.window_ns);
  v.required("flows", repetition.flows);
  v.required("stalls", repetition.stalls);
  v("worst_stalls", repetition.worst_stalls);
  v.required("probes", repetition.probes);
  v("findings", repetition.findings);
  v.group("kernel", [&repetition](auto& in) {
    in.required("client", repetition.client);
    in.required("server", repetition.server);
    in.required("host", repetition.host);
  });
  v("memory_limit", repetition.memory_limit);
  v("qdisc", repetition.qdisc);
  v("placement", repetition.placement);
  v("devices", repetition.devices);
  v("sysctl_left_out", repetition.sysctl_left_out);
  v.required("series", repetition.series);
  v.required("expectations", repetition.expectations);
  v.required("restored", repetition.restored);
  v("not_restored", repetition.not_restored);
}

template <class V>
void fields(V& v, PrecisionResult& result) {
  v.text("flow", result.asked.flow);
  v.required("metric", result.asked.metric);
  v.required("within", result.asked.within);
  v.required("at_most", result.asked.at_most);
  v.required("repetitions", result.repetitions);
  v.required("median", result.median);
  v.required("low", result.low);
  v.required("high", result.high);
  v.required("reached", result.reached);
}

template <class V>
void fields(V& v, CellResult& cell) {
  v.required("id", cell.id);
  v.required("parameters", cell.parameters);
  v("expectations", cell.expectations);
  v("precision", cell.precision);
  v.required("repetitions", cell.repetitions);
}

template <class V>
void fields(V& v, CellSelection& selection) {
  v.required("cells", selection.ids);
  v.required("indices", selection.indices);
  v.required("of", selection.of);
}

template <class V>
void fields(V& v, Tool& tool) {
  v.required("version", tool.version);
  v.required("revision", tool.revision);
  v.required("compiler", tool.compiler);
  v.required("libbpf", tool.libbpf);
}

}  // namespace netstall
