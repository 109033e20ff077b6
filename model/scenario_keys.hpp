// Every key of a scenario, what it may hold and where it goes: a new key is one
// line here. The reader, the check of pointers and the test against the JSON
// Schema all follow this list:
//   v(key, member, what it may hold)            may be left out
//   v.required(key, member, what it may hold)   may not
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/scenario.hpp"
#include "model/scenario_values.hpp"

namespace netstall {

// A pace as written: a rate in bytes becomes messages once the payload is known.
struct PaceDraft {
  Rate rate;
  Arrival arrival = Arrival::constant;
};

struct FlowDraft {
  FlowGroup group;
  std::optional<PaceDraft> pace;
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
constexpr Nanoseconds kLongest = std::chrono::hours(24);

template <class V>
void keys(V& v, LinkSpec& link) {
  // IPv6, which a lab always has, needs 1280.
  v("mtu", link.mtu, Whole{1280, 65535});
  v("txqueuelen", link.txqueuelen, Whole{0, 1'000'000});
}

template <class V>
void keys(V& v, PerSide<std::optional<Bytes>>& limit) {
  v("client", limit.client, Size{4096, std::uint64_t{1} << 40});
  v("server", limit.server, Size{4096, std::uint64_t{1} << 40});
}

template <class V>
void keys(V& v, LabSpec& lab) {
  v("link", lab.link, Object{});
  v("tcp_memory_limit", lab.tcp_memory_limit, Object{});
}

template <class V>
void keys(V& v, SysctlSpec& sysctl) {
  v("client", sysctl.side.client, Sysctls{true});
  v("server", sysctl.side.server, Sysctls{true});
  v("host", sysctl.host, Sysctls{false});
  v("optional", sysctl.optional, SysctlNames{});
}

template <class V>
void keys(V& v, PayloadSpec& payload) {
  v.required("fixed", payload.fixed, Size{1, kMaxPayload});
}

template <class V>
void keys(V& v, PaceDraft& pace) {
  v.required("rate", pace.rate, MessageRate{});
  v("arrival", pace.arrival, OneOf<Arrival>{});
}

template <class V>
void keys(V& v, ReaderSpec& reader) {
  v("rate", reader.bytes_per_s, ByteRate{});
  v("chunk", reader.chunk, Size{1, kMaxPayload});
  v("stop_after", reader.stop_after, Duration{Nanoseconds(0), kLongest});
}

template <class V>
void keys(V& v, SocketSpec& socket) {
  v("sndbuf", socket.sndbuf, Size{1, kMaxSocketOption});
  v("rcvbuf", socket.rcvbuf, Size{1, kMaxSocketOption});
  v("nodelay", socket.nodelay, Flag{});
}

template <class V>
void keys(V& v, FlowDraft& flow) {
  v.required("name", flow.group.name, NameText{});
  v("connections", flow.group.connections, Whole{1, 4'000'000});
  v("sender", flow.group.sender, OneOf<Side>{});
  v("pattern", flow.group.pattern, OneOf<Pattern>{});
  v("io", flow.group.io, OneOf<Io>{});
  v("family", flow.group.family, OneOf<Family>{});
  v("payload", flow.group.payload, Object{});
  v("pace", flow.pace, Object{});
  v("reader", flow.group.reader, Object{});
  v("socket", flow.group.socket, Object{});
}

template <class V>
void keys(V& v, Timing& timing) {
  v("ramp", timing.ramp, Duration{Nanoseconds(0), kLongest});
  v("warmup", timing.warmup, Duration{Nanoseconds(0), kLongest});
  v("measure", timing.measure, Duration{std::chrono::milliseconds(10), kLongest});
  v("repetitions", timing.repetitions, Whole{1, 1000});
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
  v("expect", draft.expect, List{0, kMaxExpectations});
  v("sweep", draft.has_sweep, Sweep{});
  v("exclude", draft.has_exclusions, Exclusions{});
}

}  // namespace netstall
