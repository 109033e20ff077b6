#include "model/scenario_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/nearest.hpp"
#include "model/axes.hpp"
#include "model/profile.hpp"
#include "model/scenario_keys.hpp"
#include "model/size_distribution.hpp"
#include "model/take_value.hpp"

namespace netstall {
namespace {

using nlohmann::json;

// The names of the keys of one object.
struct KeyNames {
  std::vector<std::string_view> names;
  template <class T, class What>
  void operator()(std::string_view key, T&, const What&) {
    names.push_back(key);
  }
  template <class T, class What>
  void required(std::string_view key, T&, const What&) {
    names.push_back(key);
  }
};

// Sysctl values as people write them: a text, or a whole number.
std::optional<std::string> sysctl_value(const json& value) {
  if (value.is_number_integer()) return value.dump();
  auto text = normal_sysctl_value(text_of(value));
  if (!is_sysctl_value(text)) return std::nullopt;
  return text;
}

// Reads values into members, and says what is wrong with those that do not fit.
class Reader {
 public:
  explicit Reader(Faults& faults) : faults_(faults) {}

  // A value of one of the kinds above.
  template <class T, class What>
  void read(const json& value, const Place& place, T& out, const What& what) {
    if (!take(value, out, what)) faults_.add(place, shown(value), what.allowed());
  }

  template <class T, class What>
  void read(const json& value, const Place& place, std::optional<T>& out, const What& what) {
    read(value, place, out.emplace(), what);
  }

  template <class T>
  void read(const json& value, const Place& place, std::optional<T>& out, const Object& what) {
    read(value, place, out.emplace(), what);
  }

  template <class E>
  void read(const json& value, const Place& place, E& out, const OneOf<E>& what) {
    const auto text = text_of(value);
    if (const auto known = named<E>(text)) {
      out = *known;
    } else {
      faults_.add(place, shown(value), what.allowed(), nearest_word(text, Names<E>::list));
    }
  }

  void read(const json& value, const Place& place, SysctlMap& out, const Sysctls& what);
  void read(const json& value, const Place& place, std::set<std::string>& out,
            const SysctlNames& what);
  void read(const json& value, const Place& place, std::map<std::string, std::string>& out,
            const Labels& what);

  template <class E>
  void read(const json& value, const Place& place, std::vector<E>& out, const SetOf<E>& what) {
    if (!value.is_array()) return faults_.add(place, shown(value), what.allowed());
    out.clear();
    for (std::size_t i = 0; i < value.size(); ++i) {
      const Place here(place, i);
      E one{};
      const auto before = faults_.count();
      read(value[i], here, one, OneOf<E>{});
      if (faults_.count() != before) continue;
      if (std::find(out.begin(), out.end(), one) != out.end()) {
        faults_.add(here, shown(value[i]) + " for the second time", what.allowed());
      } else {
        out.push_back(one);
      }
    }
  }

  template <class T>
  void read(const json& value, const Place& place, std::vector<T>& out, const List& what) {
    if (!value.is_array() || value.size() < what.min || value.size() > what.max) {
      faults_.add(place,
                  value.is_array() ? fmt::format("a list of {}", value.size()) : shown(value),
                  what.allowed());
      return;
    }
    out.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
      read(value[i], Place(place, i), out.emplace_back(), Object{});
    }
  }

  template <class T>
  void read(const json& value, const Place& place, T& out, const Object& what) {
    if (!value.is_object()) return faults_.add(place, shown(value), what.allowed());
    KeyVisitor visitor{*this, value, place};
    keys(visitor, out);
    if (visitor.seen < value.size()) {
      KeyNames known;
      keys(known, out);
      add_unknown_keys(value, place, known.names);
    }
    check(place, out);
  }

 private:
  // Reads the keys of one object as keys() visits them.
  struct KeyVisitor {
    Reader& reader;
    const json& object;
    const Place& place;
    std::size_t seen = 0;

    template <class T, class What>
    bool operator()(const char* key, T& out, const What& what) {
      const auto at = object.find(key);
      if (at == object.end()) return false;
      ++seen;
      reader.read(*at, Place(place, key), out, what);
      return true;
    }

    template <class T, class What>
    void required(const char* key, T& out, const What& what) {
      if (!(*this)(key, out, what))
        reader.faults_.add(Place(place, key), "nothing", what.allowed());
    }
  };

  void add_unknown_keys(const json& object, const Place& place,
                        const std::vector<std::string_view>& known);

  // What concerns several keys of one object; called after its keys are read.
  template <class T>
  void check(const Place&, T&) {}
  void check(const Place& place, UniformSizes& sizes);
  void check(const Place& place, LogNormalSizes& sizes);
  void check(const Place& place, ParetoSizes& sizes);
  void check(const Place& place, PayloadDraft& payload);
  void check(const Place& place, PaceDraft& pace);
  void check(const Place& place, ReaderSpec& reader);
  void check(const Place& place, SocketSpec& socket);
  void check(const Place& place, Keepalive& keepalive);
  void check_pattern(const Place& place, const FlowDraft& flow);
  void check(const Place& place, FlowDraft& flow);
  void check(const Place& place, LinkSpec& link);
  void check(const Place& place, SysctlSpec& sysctl);
  void check(const Place& place, ExpectationDraft& draft);

  std::optional<double> messages_per_s(const Place& place, const Rate& rate, const FlowDraft& flow,
                                       double mean_size);

  Faults& faults_;
};

void Reader::read(const json& value, const Place& place, SysctlMap& out, const Sysctls& what) {
  if (!value.is_object()) return faults_.add(place, shown(value), what.allowed());
  for (const auto& [name, entry] : value.items()) {
    const Place here(place, name);
    if (!what.accepts_name(name)) {
      const auto dotted = dotted_sysctl(name);
      faults_.add(here, "the name " + shown_text(name), what.allowed_name(),
                  dotted != name && what.accepts_name(dotted) ? dotted : std::string());
    }
    if (auto text = sysctl_value(entry)) {
      out.insert_or_assign(name, std::move(*text));
    } else {
      faults_.add(here, shown(entry), R"(a value as a text or whole number, such as "4096 16384")");
    }
  }
}

void Reader::read(const json& value, const Place& place, std::set<std::string>& out,
                  const SysctlNames& what) {
  if (!value.is_array()) return faults_.add(place, shown(value), what.allowed());
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (is_sysctl_name(text_of(value[i]))) {
      out.emplace(text_of(value[i]));
    } else {
      faults_.add(Place(place, i), shown(value[i]), Sysctls{false}.allowed_name());
    }
  }
}

void Reader::read(const json& value, const Place& place, std::map<std::string, std::string>& out,
                  const Labels& what) {
  if (!value.is_object() || value.empty()) return faults_.add(place, shown(value), what.allowed());
  for (const auto& [axis, label] : value.items()) {
    // As in the sweep: a value is its own label.
    if (label.is_structured() && !axis.starts_with('/')) {
      faults_.add(Place(place, axis), shown(label), "a label of that axis");
    } else {
      out.emplace(axis, label_of(label));
    }
  }
}

void Reader::add_unknown_keys(const json& object, const Place& place,
                              const std::vector<std::string_view>& known) {
  for (const auto& [key, value] : object.items()) {
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    faults_.add(Place(place, key), "an unknown key",
                fmt::format("one of {}", fmt::join(known, ", ")), nearest_word(key, known));
  }
}

void Reader::check(const Place& place, UniformSizes& sizes) {
  if (sizes.min <= sizes.max) return;
  faults_.add(place, "a max below min", "a range that a size can lie in");
}

void Reader::check(const Place& place, LogNormalSizes& sizes) {
  if (sizes.min <= sizes.median && sizes.median <= sizes.max) return;
  faults_.add(place, "a median that is not from min to max", "min <= median <= max");
}

void Reader::check(const Place& place, ParetoSizes& sizes) {
  if (sizes.min <= sizes.max) return;
  faults_.add(place, "a max below min", "a range that a size can lie in");
}

void Reader::check(const Place& place, PayloadDraft& payload) {
  const int given = int{payload.fixed.has_value()} + int{payload.uniform.has_value()} +
                    int{payload.log_normal.has_value()} + int{payload.pareto.has_value()} +
                    int{payload.weighted.has_value()} + int{payload.sequence.has_value()} +
                    int{payload.file.has_value()};
  if (given == 1) return;
  KeyNames known;
  keys(known, payload);
  faults_.add(place, given == 0 ? "no size" : "several kinds of sizes",
              fmt::format("one of {}", fmt::join(known.names, ", ")));
}

void Reader::check(const Place& place, PaceDraft& pace) {
  for (std::size_t i = 1; i < pace.schedule.size(); ++i) {
    if (pace.schedule[i - 1].at < pace.schedule[i].at) continue;
    const Place schedule(place, "schedule");
    const Place change(schedule, i);
    faults_.add(Place(change, "at"), to_text(pace.schedule[i].at), "a time after the one before");
  }
}

void Reader::check(const Place& place, ReaderSpec& reader) {
  for (std::size_t i = 1; i < reader.freeze.size(); ++i) {
    const auto& before = reader.freeze[i - 1];
    if (before.at + before.lasting <= reader.freeze[i].at) continue;
    const Place list(place, "freeze");
    const Place freeze(list, i);
    faults_.add(Place(freeze, "at"), to_text(reader.freeze[i].at),
                "a time after the end of the one before");
  }
  if (reader.rate_sigma > 0 && !reader.bytes_per_s) {
    faults_.add(Place(place, "rate_sigma"), "no rate beside it", R"("rate", which is the median)");
  }
}

void Reader::check(const Place& place, SocketSpec& socket) {
  if (socket.force_buffers && !socket.sndbuf && !socket.rcvbuf) {
    faults_.add(Place(place, "force_buffers"), "no buffer beside it", R"("sndbuf" or "rcvbuf")");
  }
  if (socket.user_timeout &&
      *socket.user_timeout % std::chrono::milliseconds(1) != Nanoseconds(0)) {
    faults_.add(Place(place, "user_timeout"), to_text(*socket.user_timeout), "whole milliseconds");
  }
  if (socket.busy_poll && *socket.busy_poll % std::chrono::microseconds(1) != Nanoseconds(0)) {
    faults_.add(Place(place, "busy_poll"), to_text(*socket.busy_poll), "whole microseconds");
  }
}

void Reader::check(const Place& place, Keepalive& keepalive) {
  for (const auto& [key, value] :
       {std::pair{"idle", keepalive.idle}, std::pair{"interval", keepalive.interval}}) {
    if (value % std::chrono::seconds(1) == Nanoseconds(0)) continue;
    faults_.add(Place(place, key), to_text(value), "whole seconds");
  }
}

// What a pattern does not do is refused, not passed over.
void Reader::check_pattern(const Place& place, const FlowDraft& flow) {
  const auto& group = flow.group;
  const auto refuse = [&](const char* key, bool given, std::string_view allowed) {
    if (!given) return;
    faults_.add(Place(place, key),
                fmt::format("{} with pattern {}", key, shown_text(name_of(group.pattern))),
                std::string(allowed));
  };
  const bool requests = group.pattern == Pattern::request_response;
  const bool reader = group.reader.bytes_per_s || group.reader.chunk || group.reader.stop_after ||
                      group.reader.share < 1 || !group.reader.freeze.empty();
  refuse("io", group.io == Io::blocking && group.pattern != Pattern::stream,
         R"("nonblocking"; only "stream" has blocking senders)");
  const std::string_view only_requests = R"(it with "request-response" alone)";
  refuse("response", flow.response.has_value() && !requests, only_requests);
  refuse("pipeline", flow.pipeline.has_value() && !requests, only_requests);
  refuse("think", flow.think.has_value() && !requests, only_requests);
  refuse("reader", reader && requests, R"(it with "stream" or "duplex")");
  if (flow.think && flow.pace) {
    faults_.add(Place(place, "think"), "a pace beside it",
                "one of them: a pace says when requests are due");
  }
  if (group.pattern != Pattern::idle) return;
  const std::string_view nothing = "nothing: idle connections carry no message";
  refuse("payload", flow.payload.has_value(), nothing);
  refuse("pace", flow.pace.has_value(), nothing);
  refuse("reader", reader, nothing);
}

PayloadSpec finished(PayloadDraft draft) {
  PayloadSpec payload;
  if (draft.fixed) payload.fixed = *draft.fixed;
  payload.uniform = draft.uniform;
  payload.log_normal = draft.log_normal;
  payload.pareto = draft.pareto;
  if (draft.weighted) payload.weighted = std::move(*draft.weighted);
  if (draft.sequence) payload.sequence = std::move(*draft.sequence);
  return payload;
}

// Messages a second on one connection; nothing for a rate that is a fault already.
std::optional<double> Reader::messages_per_s(const Place& place, const Rate& rate,
                                             const FlowDraft& flow, double mean_size) {
  auto messages = rate.per_second;
  if (messages <= 0) return std::nullopt;
  if (rate.of == Rate::Of::bytes) messages /= mean_size;
  if (flow.pace->per == PaceOf::group) messages /= std::max(flow.group.connections, 1U);
  if (messages >= kMinMessagesPerSecond && messages <= kMaxMessagesPerSecond) return messages;
  faults_.add(place, fmt::format("{} messages a second", messages),
              fmt::format("{} to {} messages a second on a connection", kMinMessagesPerSecond,
                          kMaxMessagesPerSecond));
  return std::nullopt;
}

void Reader::check(const Place& place, FlowDraft& flow) {
  check_pattern(place, flow);
  if (flow.payload) flow.group.payload = finished(std::move(*flow.payload));
  flow.group.response = flow.response ? finished(std::move(*flow.response)) : flow.group.payload;
  flow.group.pipeline = flow.pipeline.value_or(1);
  flow.group.think = flow.think.value_or(Nanoseconds(0));
  if (!flow.pace) return;
  const double mean_size = SizeDistribution(flow.group.payload).mean();
  const Place pace_place(place, "pace");
  PaceSpec pace;
  const auto rate = messages_per_s(Place(pace_place, "rate"), flow.pace->rate, flow, mean_size);
  pace.messages_per_s = rate.value_or(0);
  pace.arrival = flow.pace->arrival;
  pace.burst = flow.pace->burst;
  const Place schedule(pace_place, "schedule");
  bool good = rate.has_value();
  for (std::size_t i = 0; i < flow.pace->schedule.size(); ++i) {
    const auto& change = flow.pace->schedule[i];
    const Place change_place(schedule, i);
    const auto then = messages_per_s(Place(change_place, "rate"), change.rate, flow, mean_size);
    pace.schedule.push_back({change.at, then.value_or(0)});
    good = good && then;
  }
  if (good) flow.group.pace = std::move(pace);
}

void Reader::check(const Place& place, LinkSpec& link) {
  const bool shaped = link.delay || link.loss || link.bytes_per_s;
  for (const auto side : {Side::client, Side::server}) {
    if (!shaped || !link.qdisc[side]) continue;
    const auto key = fmt::format("{}_qdisc", name_of(side));
    faults_.add(Place(place, key), "a root qdisc beside delay, loss or rate",
                "one or the other: those three are made by root qdiscs of both ends");
  }
}

void Reader::check(const Place& place, SysctlSpec& sysctl) {
  const Place window(place, "window");
  for (const auto& [key, value] : sysctl.window) {
    if (!sysctl.host.contains(key)) continue;
    faults_.add(Place(window, key), "a sysctl that stands under host too",
                "a name under host or under window");
  }
}

void Reader::check(const Place& place, ExpectationDraft& draft) {
  auto& expectation = draft.expectation;
  bool alike = true;
  std::optional<Quantity> quantity;
  for (const auto* bound : {&draft.at_most, &draft.at_least, &draft.equals}) {
    if (!*bound) continue;
    alike = alike && quantity.value_or((*bound)->quantity) == (*bound)->quantity;
    quantity = (*bound)->quantity;
  }
  if (!quantity) {
    faults_.add(place, "no bound", R"("at_most" or "at_least", or both, or "equals")");
  } else if (draft.equals && (draft.at_most || draft.at_least)) {
    faults_.add(place, "equals beside another bound", R"("equals" alone)");
  } else if (!alike) {
    faults_.add(place, "at_most and at_least in different units", "one unit for both");
  } else if (!expectation.against.empty() && quantity != Quantity::number) {
    faults_.add(place, "a bound with a unit, against another cell",
                "a number: how many times what that cell has");
  } else if (draft.at_most && draft.at_least && draft.at_most->value < draft.at_least->value) {
    faults_.add(place, "at_most below at_least", "a range that a value can lie in");
  }
  const auto value_of = [](const std::optional<BoundDraft>& bound) {
    return bound ? std::optional(bound->value) : std::nullopt;
  };
  expectation.at_most = value_of(draft.at_most);
  expectation.at_least = value_of(draft.at_least);
  expectation.equals = value_of(draft.equals);
  expectation.quantity = quantity.value_or(Quantity::number);
}

std::vector<FlowGroup> finished(std::vector<FlowDraft> drafts) {
  std::vector<FlowGroup> groups;
  groups.reserve(drafts.size());
  for (auto& draft : drafts) groups.push_back(std::move(draft.group));
  return groups;
}

std::vector<Expectation> finished(std::vector<ExpectationDraft> drafts) {
  std::vector<Expectation> expectations;
  expectations.reserve(drafts.size());
  for (auto& draft : drafts) expectations.push_back(std::move(draft.expectation));
  return expectations;
}

}  // namespace

void read_scenario(const json& document, Faults& faults, Scenario& out) {
  ScenarioDraft draft;
  Reader(faults).read(document, Place(), draft, Object{});
  out = std::move(draft.scenario);
  out.flows = finished(std::move(draft.flows));
  out.expect = finished(std::move(draft.expect));
}

void read_part(const json& json, const Place& place, Faults& faults, LabSpec& out) {
  Reader(faults).read(json, place, out, Object{});
}

void read_part(const json& json, const Place& place, Faults& faults, SysctlSpec& out) {
  Reader(faults).read(json, place, out, Object{});
}

void read_part(const json& json, const Place& place, Faults& faults, Timing& out) {
  Reader(faults).read(json, place, out, Object{});
}

void read_part(const json& json, const Place& place, Faults& faults, std::vector<ProbeId>& out) {
  Reader(faults).read(json, place, out, SetOf<ProbeId>{});
}

void read_part(const json& json, const Place& place, Faults& faults, FlowGroup& out) {
  FlowDraft draft;
  Reader(faults).read(json, place, draft, Object{});
  out = std::move(draft.group);
}

void read_part(const json& json, const Place& place, Faults& faults, std::vector<FlowGroup>& out) {
  std::vector<FlowDraft> drafts;
  Reader(faults).read(json, place, drafts, List{1, kMaxFlows});
  out = finished(std::move(drafts));
}

void read_part(const json& json, const Place& place, Faults& faults,
               std::vector<Expectation>& out) {
  std::vector<ExpectationDraft> drafts;
  Reader(faults).read(json, place, drafts, List{0, kMaxExpectations});
  out = finished(std::move(drafts));
}

void check_names(const Scenario& scenario, Faults& faults) {
  const Place root;
  const Place flows(root, "flows");
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < scenario.flows.size(); ++i) {
    const auto& name = scenario.flows[i].name;
    if (name.empty()) continue;  // a fault already
    if (std::find(names.begin(), names.end(), name) != names.end()) {
      const Place flow(flows, i);
      faults.add(Place(flow, "name"), shown_text(name), "a name that no other flow group has");
    } else {
      names.push_back(name);
    }
  }
  const Place expect(root, "expect");
  for (std::size_t i = 0; i < scenario.expect.size(); ++i) {
    const auto& flow = scenario.expect[i].flow;
    if (flow.empty() || std::find(names.begin(), names.end(), flow) != names.end()) continue;
    const Place expectation(expect, i);
    faults.add(Place(expectation, "flow"), shown_text(flow),
               fmt::format("a flow group: {}", fmt::join(names, ", ")), nearest_word(flow, names));
  }
}

void check_against(const Scenario& scenario, const std::vector<AxisChanges>& axes, Faults& faults) {
  const Place root;
  const Place expect(root, "expect");
  std::vector<std::string_view> names;
  for (const auto& axis : axes) names.push_back(axis.name);
  for (std::size_t i = 0; i < scenario.expect.size(); ++i) {
    const Place expectation(expect, i);
    const Place against(expectation, "against");
    for (const auto& [name, label] : scenario.expect[i].against) {
      const Place here(against, name);
      const auto axis =
          std::find_if(axes.begin(), axes.end(),
                       [&wanted = name](const AxisChanges& one) { return one.name == wanted; });
      if (axis == axes.end()) {
        faults.add(here, "an axis that is not swept",
                   names.empty() ? "a sweep with other cells"
                                 : fmt::format("an axis: {}", fmt::join(names, ", ")),
                   nearest_word(name, names));
        continue;
      }
      std::vector<std::string_view> labels;
      for (const auto& value : axis->values) labels.emplace_back(value.label);
      if (std::find(labels.begin(), labels.end(), label) != labels.end()) continue;
      constexpr std::size_t kShown = 20;
      const auto shown_labels = std::span(labels).first(std::min(labels.size(), kShown));
      faults.add(here, shown_text(label),
                 fmt::format("a label: {}{}", fmt::join(shown_labels, ", "),
                             labels.size() > kShown ? ", ..." : ""),
                 nearest_word(label, labels));
    }
  }
}

}  // namespace netstall
