// Every key of a scenario, what it may hold and where it goes: a new key is one
// line here. The reader, the check of pointers and the test against the JSON
// Schema all follow this list:
//   v(key, member, what it may hold)            may be left out
//   v.required(key, member, what it may hold)   may not
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/probes.hpp"
#include "model/scenario.hpp"
#include "model/scenario_values.hpp"

namespace netstall {

// A payload as written: exactly one of these.
struct PayloadDraft {
  std::optional<Bytes> fixed;
  std::optional<UniformSizes> uniform;
  std::optional<LogNormalSizes> log_normal;
  std::optional<ParetoSizes> pareto;
  std::optional<std::vector<WeightedSize>> weighted;
  std::optional<std::vector<Bytes>> sequence;
  std::optional<std::string> file;  // put into `sequence` by payload_files.hpp
};

// A pace as written: a rate in bytes becomes messages once the payload is known, one
// of the group is divided once the connections are.
struct PaceChangeDraft {
  Nanoseconds at{0};
  Rate rate;
};

struct PaceDraft {
  Rate rate;
  PaceOf per = PaceOf::connection;
  Arrival arrival = Arrival::constant;
  std::optional<PaceBurst> burst;
  std::vector<PaceChangeDraft> schedule;
  Nanoseconds spin{0};
};

struct FlowDraft {
  FlowGroup group;
  std::optional<PayloadDraft> payload;
  std::optional<PaceDraft> pace;
  std::optional<PayloadDraft> response;
  std::optional<std::uint32_t> pipeline;
  std::optional<Nanoseconds> think;
  std::optional<MulticastSpec> multicast;
  std::optional<Side> closes;
};

// A bound as written; all of an expectation must be of one kind.
struct BoundDraft {
  double value = 0;
  Quantity quantity = Quantity::number;
};

struct ExpectationDraft {
  Expectation expectation;
  std::optional<BoundDraft> at_most;
  std::optional<BoundDraft> at_least;
  std::optional<BoundDraft> equals;
};

struct ScenarioDraft {
  std::uint32_t schema = 0;
  Scenario scenario;
  std::vector<FlowDraft> flows;
  std::vector<ExpectationDraft> expect;
  bool has_sweep = false;
  bool has_exclusions = false;
};

constexpr std::size_t kMaxFlows = 64;
constexpr std::size_t kMaxExpectations = 1000;
constexpr std::size_t kMaxWeights = 1024;
constexpr std::size_t kMaxPaceChanges = 1000;
constexpr std::size_t kMaxFreezes = 1000;
constexpr std::uint64_t kMaxPipeline = 1024;
constexpr std::uint64_t kMaxMulticastGroups = 1024;
constexpr Nanoseconds kLongest = std::chrono::hours(24);

template <class V>
void keys(V& v, OffloadSpec& offload) {
  v("tso", offload.tso, Flag{});
  v("gso", offload.gso, Flag{});
  v("gro", offload.gro, Flag{});
}

template <class V>
void keys(V& v, LinkSpec& link) {
  // IPv6, which a lab always has, needs 1280.
  v("mtu", link.mtu, Whole{1280, 65535});
  v("txqueuelen", link.txqueuelen, Whole{0, 1'000'000});
  v("client_qdisc", link.qdisc.client, QdiscText{});
  v("server_qdisc", link.qdisc.server, QdiscText{});
  v("delay", link.delay, Duration{std::chrono::microseconds(1), std::chrono::minutes(1)});
  v("loss", link.loss, Percentage{});
  v("rate", link.bytes_per_s, ByteRate{});
  v("offload", link.offload, Object{});
}

template <class V>
void keys(V& v, PerSide<std::string>& devices) {
  v.required("client", devices.client, DeviceText{});
  v.required("server", devices.server, DeviceText{});
}

template <class V>
void keys(V& v, PerSide<std::optional<Bytes>>& limit) {
  v("client", limit.client, Size{4096, std::uint64_t{1} << 40});
  v("server", limit.server, Size{4096, std::uint64_t{1} << 40});
}

template <class V>
void keys(V& v, MemoryLimitSpec& limit) {
  v("max", limit.max, Size{4096, std::uint64_t{1} << 40});
  v("high", limit.high, Size{4096, std::uint64_t{1} << 40});
}

template <class V>
void keys(V& v, PerSide<MemoryLimitSpec>& limit) {
  v("client", limit.client, Object{});
  v("server", limit.server, Object{});
}

template <class V>
void keys(V& v, PlacementSpec& placement) {
  v("cpus", placement.cpus, CpuListText{});
  v("softirq_cpus", placement.softirq_cpus, CpuListText{});
}

template <class V>
void keys(V& v, PerSide<PlacementSpec>& placement) {
  v("client", placement.client, Object{});
  v("server", placement.server, Object{});
}

template <class V>
void keys(V& v, LabSpec& lab) {
  v("clients", lab.clients, Whole{1, kMaxClients});
  v("link", lab.link, Object{});
  v("devices", lab.devices, Object{});
  v("tcp_memory_limit", lab.tcp_memory_limit, Object{});
  v("memory_limit", lab.memory_limit, Object{});
  v("placement", lab.placement, Object{});
}

template <class V>
void keys(V& v, SysctlSpec& sysctl) {
  v("client", sysctl.side.client, Sysctls{true});
  v("server", sysctl.side.server, Sysctls{true});
  v("host", sysctl.host, Sysctls{false});
  v("window", sysctl.window, Sysctls{false});
  v("optional", sysctl.optional, SysctlNames{});
}

template <class V>
void keys(V& v, UniformSizes& sizes) {
  v.required("min", sizes.min, Size{1, kMaxPayload});
  v.required("max", sizes.max, Size{1, kMaxPayload});
}

template <class V>
void keys(V& v, LogNormalSizes& sizes) {
  v.required("median", sizes.median, Size{1, kMaxPayload});
  v.required("sigma", sizes.sigma, Number{0.001, 10});
  v("min", sizes.min, Size{1, kMaxPayload});
  v.required("max", sizes.max, Size{1, kMaxPayload});
}

template <class V>
void keys(V& v, ParetoSizes& sizes) {
  v.required("min", sizes.min, Size{1, kMaxPayload});
  v.required("shape", sizes.shape, Number{0.01, 100});
  v.required("max", sizes.max, Size{1, kMaxPayload});
}

template <class V>
void keys(V& v, WeightedSize& size) {
  v.required("size", size.size, Size{1, kMaxPayload});
  v.required("weight", size.weight, Number{1e-9, 1e9});
}

template <class V>
void keys(V& v, PayloadDraft& payload) {
  v("fixed", payload.fixed, Size{1, kMaxPayload});
  v("uniform", payload.uniform, Object{});
  v("log_normal", payload.log_normal, Object{});
  v("pareto", payload.pareto, Object{});
  v("weighted", payload.weighted, List{1, kMaxWeights});
  v("sequence", payload.sequence, SizeList{1, kMaxPayload, kMaxSizes});
  v("file", payload.file, PathText{});
}

template <class V>
void keys(V& v, PaceBurst& burst) {
  v.required("on", burst.on, Duration{std::chrono::microseconds(1), kLongest});
  v.required("off", burst.off, Duration{Nanoseconds(0), kLongest});
}

template <class V>
void keys(V& v, PaceChangeDraft& change) {
  v.required("at", change.at, Duration{Nanoseconds(1), kLongest});
  v.required("rate", change.rate, MessageRate{});
}

template <class V>
void keys(V& v, PaceDraft& pace) {
  v.required("rate", pace.rate, MessageRate{});
  v("per", pace.per, OneOf<PaceOf>{});
  v("arrival", pace.arrival, OneOf<Arrival>{});
  v("burst", pace.burst, Object{});
  v("schedule", pace.schedule, List{1, kMaxPaceChanges});
  v("spin", pace.spin, Duration{std::chrono::microseconds(1), std::chrono::seconds(1)});
}

template <class V>
void keys(V& v, ReaderFreeze& freeze) {
  v.required("at", freeze.at, Duration{Nanoseconds(0), kLongest});
  v.required("for", freeze.lasting, Duration{std::chrono::milliseconds(1), kLongest});
}

template <class V>
void keys(V& v, ReaderSpec& reader) {
  v("io", reader.io, OneOf<ReaderIo>{});
  v("rate", reader.bytes_per_s, ByteRate{});
  v("rate_sigma", reader.rate_sigma, Number{0, 5});
  v("chunk", reader.chunk, Size{1, kMaxPayload});
  v("stop_after", reader.stop_after, Duration{Nanoseconds(0), kLongest});
  v("freeze", reader.freeze, List{1, kMaxFreezes});
  v("share", reader.share, Number{0, 1});
}

template <class V>
void keys(V& v, Keepalive& keepalive) {
  // The kernel's own bounds, in whole seconds.
  v.required("idle", keepalive.idle, Duration{std::chrono::seconds(1), std::chrono::hours(9)});
  v.required("interval", keepalive.interval,
             Duration{std::chrono::seconds(1), std::chrono::hours(9)});
  v.required("probes", keepalive.probes, Whole{1, 127});
}

template <class V>
void keys(V& v, SocketSpec& socket) {
  v("sndbuf", socket.sndbuf, Size{1, kMaxSocketOption});
  v("rcvbuf", socket.rcvbuf, Size{1, kMaxSocketOption});
  v("force_buffers", socket.force_buffers, Flag{});
  v("nodelay", socket.nodelay, Flag{});
  v("notsent_lowat", socket.notsent_lowat, Size{1, kMaxSocketOption});
  v("congestion_control", socket.congestion_control, NameText{});
  v("user_timeout", socket.user_timeout, Duration{std::chrono::milliseconds(1), kLongest});
  v("keepalive", socket.keepalive, Object{});
  v("busy_poll", socket.busy_poll,
    Duration{std::chrono::microseconds(1), std::chrono::milliseconds(10)});
  v("dscp", socket.dscp, Whole{0, 63});
  v("priority", socket.priority, Whole{0, 6});
  v("zerocopy", socket.zerocopy, Flag{});
  v("linger", socket.linger, Duration{Nanoseconds(0), std::chrono::minutes(1)});
}

template <class V>
void keys(V& v, MulticastSpec& multicast) {
  v("groups", multicast.groups, Whole{1, kMaxMulticastGroups});
  v("per_socket", multicast.per_socket, Whole{1, kMaxMulticastGroups});
}

template <class V>
void keys(V& v, FlowDraft& flow) {
  v.required("name", flow.group.name, NameText{});
  v("connections", flow.group.connections, Whole{1, 4'000'000});
  v("sender", flow.group.sender, OneOf<Side>{});
  v("pattern", flow.group.pattern, OneOf<Pattern>{});
  v("io", flow.group.io, OneOf<Io>{});
  v("family", flow.group.family, OneOf<Family>{});
  v("payload", flow.payload, Object{});
  v("pace", flow.pace, Object{});
  v("response", flow.response, Object{});
  v("pipeline", flow.pipeline, Whole{1, kMaxPipeline});
  v("think", flow.think, Duration{Nanoseconds(0), kLongest});
  v("multicast", flow.multicast, Object{});
  v("closes", flow.closes, OneOf<Side>{});
  v("acknowledge", flow.group.acknowledge, Flag{});
  v("reader", flow.group.reader, Object{});
  v("socket", flow.group.socket, Object{});
}

template <class V>
void keys(V& v, Precision& until) {
  v("flow", until.flow, NameText{});
  v.required("metric", until.metric, NameText{});
  v.required("within", until.within, Percentage{});
  v.required("at_most", until.at_most, Whole{1, 1000});
}

template <class V>
void keys(V& v, Timing& timing) {
  v("ramp", timing.ramp, Duration{Nanoseconds(0), kLongest});
  v("warmup", timing.warmup, Duration{Nanoseconds(0), kLongest});
  v("measure", timing.measure, Duration{std::chrono::milliseconds(10), kLongest});
  v("repetitions", timing.repetitions, Whole{1, 1000});
  v("until", timing.until, Object{});
}

template <class V>
void keys(V& v, ExpectationDraft& draft) {
  v("flow", draft.expectation.flow, NameText{});
  v.required("metric", draft.expectation.metric, NameText{});
  v("at_most", draft.at_most, Bound{});
  v("at_least", draft.at_least, Bound{});
  v("equals", draft.equals, Bound{});
  v("against", draft.expectation.against, Labels{});
}

template <class V>
void keys(V& v, ScenarioDraft& draft) {
  v.required("schema", draft.schema, Whole{1, 1});
  v("name", draft.scenario.name, NameText{});
  v("why", draft.scenario.why, AnyText{});
  v("lab", draft.scenario.lab, Object{});
  v("profile", draft.scenario.profile, PathText{});
  v("sysctl", draft.scenario.sysctl, Object{});
  v.required("flows", draft.flows, List{1, kMaxFlows});
  v("timing", draft.scenario.timing, Object{});
  v("probes", draft.scenario.probes, SetOf<ProbeId>{});
  v("expect", draft.expect, List{0, kMaxExpectations});
  v("sweep", draft.has_sweep, Sweep{});
  v("exclude", draft.has_exclusions, Exclusions{});
}

}  // namespace netstall
