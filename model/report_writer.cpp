// Report → JSON. A large campaign has gigabytes of histograms, so the report is
// written repetition by repetition instead of as one JSON value.
#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "model/environment_json.hpp"
#include "model/json_text.hpp"
#include "model/report_fields.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

using nlohmann::ordered_json;

// Values → JSON. Structs go through their fields().
class Writer {
 public:
  template <class T>
  void required(const char* name, T& member) {
    object_[name] = json_of(member);
  }
  template <class T>
  void operator()(const char* name, T& member) {
    required(name, member);
  }
  void text(const char* name, const std::string& member) {
    object_[name] = member.empty() ? ordered_json() : ordered_json(member);
  }
  template <class Body>
  void group(const char* name, Body body) {
    Writer inner;
    body(inner);
    object_[name] = inner.take();
  }
  ordered_json take() { return std::move(object_); }

  // fields() is written once for both directions and so is not const.
  template <class T>
  static ordered_json json_of(const T& value) {
    if constexpr (std::is_arithmetic_v<T>) {
      return value;
    } else if constexpr (std::is_enum_v<T>) {
      return name_of(value);
    } else {
      Writer writer;
      fields(writer, const_cast<T&>(value));
      return writer.take();
    }
  }
  static ordered_json json_of(double value);
  static ordered_json json_of(const std::string& text) { return text; }
  static ordered_json json_of(const Histogram& histogram);
  static ordered_json json_of(const Stalls& stalls);
  template <class T>
  static ordered_json json_of(const std::optional<T>& value) {
    return value ? json_of(*value) : ordered_json();
  }
  template <class T>
  static ordered_json json_of(const std::vector<T>& values) {
    auto list = ordered_json::array();
    for (const auto& value : values) list.push_back(json_of(value));
    return list;
  }
  template <class T>
  static ordered_json json_of(const std::map<std::string, T>& values) {
    auto object = ordered_json::object();
    for (const auto& [key, value] : values) object[key] = json_of(value);
    return object;
  }

 private:
  static ordered_json json_of(const StallCount& stalls, bool run_queue_known) {
    Writer writer;
    auto run_queue_ns = run_queue_known ? std::optional(stalls.run_queue_ns) : std::nullopt;
    fields(writer, const_cast<StallCount&>(stalls), run_queue_ns);
    return writer.take();
  }

  ordered_json object_ = ordered_json::object();
};

// Whole numbers are written as such: ns and bytes are integers to other readers.
ordered_json Writer::json_of(double value) {
  constexpr double kExact = 9007199254740992;  // 2^53
  if (std::abs(value) < kExact && value == std::floor(value)) {
    return static_cast<std::int64_t>(value);
  }
  return value;
}

ordered_json Writer::json_of(const Histogram& histogram) {
  return {{"count", histogram.count()},
          {"min", json_of(histogram.min())},
          {"mean", json_of(histogram.mean())},
          {"p50", json_of(histogram.percentile_if_resolved(50))},
          {"p90", json_of(histogram.percentile_if_resolved(90))},
          {"p99", json_of(histogram.percentile_if_resolved(99))},
          {"p999", json_of(histogram.percentile_if_resolved(99.9))},
          {"max", json_of(histogram.max())},
          {"saturated", histogram.saturated()},
          {"hdr", histogram.encode()}};
}

ordered_json Writer::json_of(const Stalls& stalls) {
  auto by_cause = ordered_json::object();
  for (const auto& [cause, of_cause] : stalls.by_cause) {
    by_cause[std::string(name_of(cause))] =
        of_cause ? json_of(*of_cause, stalls.run_queue_known) : ordered_json();
  }
  auto by_sub_cause = ordered_json::object();
  for (const auto& [sub, waits] : stalls.by_sub_cause) {
    by_sub_cause[std::string(name_of(sub))] = json_of(waits);
  }
  return {{"total", json_of(stalls.total, stalls.run_queue_known)},
          {"by_cause", std::move(by_cause)},
          {"by_sub_cause", std::move(by_sub_cause)}};
}

ordered_json scenario_of(const std::string& text) {
  if (text.empty()) return nullptr;
  auto scenario = ordered_json::parse(text, nullptr, false);
  if (scenario.is_discarded()) {
    throw Error(ErrorKind::failed, "write a report", "its scenario is no JSON");
  }
  return scenario;
}

// Writes the keys of the outer objects one by one.
class ReportText {
 public:
  void open(char bracket) {
    text_ += bracket;
    ++level_;
    first_ = true;
  }
  void close(char bracket) {
    --level_;
    append_line_break(level_, text_);
    text_ += bracket;
    first_ = false;
  }
  void key(const char* name) {
    entry();
    text_ += one_line(name) + ": ";
  }
  void entry() {
    if (!first_) text_ += ',';
    first_ = false;
    append_line_break(level_, text_);
  }
  void value(const ordered_json& value) { append_pretty(value, level_, text_); }
  void pair(const char* name, const ordered_json& json) {
    key(name);
    value(json);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
  int level_ = 0;
  bool first_ = true;
};

void write_cell(const CellResult& cell, ReportText& out) {
  out.entry();
  out.open('{');
  // All but the repetitions: those make the bulk.
  CellResult head{cell.id, cell.parameters, {}, cell.expectations, cell.precision};
  const auto fields = Writer::json_of(head);
  for (const auto& [name, value] : fields.items()) {
    if (name != "repetitions") out.pair(name.c_str(), value);
  }
  out.key("repetitions");
  out.open('[');
  for (const auto& repetition : cell.repetitions) {
    out.entry();
    out.value(Writer::json_of(repetition));
  }
  out.close(']');
  out.close('}');
}

}  // namespace

std::string to_json_line(const Repetition& repetition) {
  return one_line(Writer::json_of(repetition));
}

std::string to_json(const Report& report) {
  ReportText out;
  out.open('{');
  out.pair("schema", kReportSchema);
  out.pair("kind", "run");
  out.pair("tool", Writer::json_of(report.tool));
  out.pair("started_at", report.started_at);
  out.pair("seed", report.seed);
  out.pair("command", report.command.empty() ? ordered_json() : ordered_json(report.command));
  out.pair("selection", Writer::json_of(report.selection));
  out.pair("environment", nested(report.environment));
  out.pair("scenario_hash", report.scenario_hash);
  out.pair("scenario", scenario_of(report.scenario_json));
  out.key("cells");
  out.open('[');
  for (const auto& cell : report.cells) write_cell(cell, out);
  out.close(']');
  out.close('}');
  return out.take() + "\n";
}

}  // namespace netstall
