// JSON → report. The text may be anybody's: every value is checked, and the first
// that is wrong ends the reading with its JSON pointer.
#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <new>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "model/environment_json.hpp"
#include "model/json_document.hpp"
#include "model/report_fields.hpp"
#include "model/report_json.hpp"

namespace netstall {
namespace {

using nlohmann::json;

constexpr DocumentRules kRules{std::size_t{4} << 30, false};

[[noreturn]] void refuse(std::string_view cause) {
  throw Error(ErrorKind::usage, "read a report", cause,
              "Use a report that netstall wrote, whole and unchanged.");
}

[[noreturn]] void refuse(const Place& place, std::string found, std::string allowed) {
  refuse(to_text(Fault{place.pointer(), std::move(found), std::move(allowed), ""}));
}

std::string_view text_of(const json& value) {
  return value.is_string() ? std::string_view(value.get_ref<const std::string&>())
                           : std::string_view();
}

// JSON → values. Structs go through their fields().
class Reader {
 public:
  Reader(const json& object, const Place& place) : object_(object), place_(place) {
    if (!object.is_object()) refuse(place, shown(object), "an object");
  }

  template <class T>
  void required(const char* name, T& member) {
    const auto at = object_.find(name);
    if (at == object_.end()) refuse(Place(place_, name), "nothing", "a value");
    read(*at, Place(place_, name), member);
  }
  template <class T>
  void operator()(const char* name, T& member) {
    if (const auto at = object_.find(name); at != object_.end()) {
      read(*at, Place(place_, name), member);
    }
  }
  void text(const char* name, std::string& member) {
    std::optional<std::string> value;
    (*this)(name, value);
    member = value.value_or("");
  }
  template <class Body>
  void group(const char* name, Body body) {
    const auto at = object_.find(name);
    if (at == object_.end()) refuse(Place(place_, name), "nothing", "an object");
    const Place place(place_, name);
    Reader inner(*at, place);
    body(inner);
  }

  template <class T>
  static void read(const json& value, const Place& place, T& out) {
    if constexpr (std::is_same_v<T, bool>) {
      if (!value.is_boolean()) refuse(place, shown(value), "true or false");
      out = value.get<bool>();
    } else if constexpr (std::is_integral_v<T>) {
      read_integer(value, place, out);
    } else if constexpr (std::is_floating_point_v<T>) {
      if (!value.is_number()) refuse(place, shown(value), "a number");
      out = value.get<T>();
    } else if constexpr (std::is_enum_v<T>) {
      out = read_name<T>(text_of(value), value, place);
    } else {
      Reader reader(value, place);
      fields(reader, out);
    }
  }
  static void read(const json& value, const Place& place, std::string& out) {
    if (!value.is_string()) refuse(place, shown(value), "a text");
    out = text_of(value);
  }
  static void read(const json& value, const Place& place, Histogram& out);
  static void read(const json& value, const Place& place, Stalls& out);
  template <class T>
  static void read(const json& value, const Place& place, std::optional<T>& out) {
    out.reset();
    if (!value.is_null()) read(value, place, out.emplace());
  }
  template <class T>
  static void read(const json& value, const Place& place, std::vector<T>& out) {
    if (!value.is_array()) refuse(place, shown(value), "a list");
    out.reserve(value.size());
    for (std::size_t i = 0; i < value.size(); ++i) {
      read(value[i], Place(place, i), out.emplace_back());
    }
  }
  template <class T>
  static void read(const json& value, const Place& place, std::map<std::string, T>& out) {
    if (!value.is_object()) refuse(place, shown(value), "an object");
    for (const auto& [key, entry] : value.items()) read(entry, Place(place, key), out[key]);
  }

 private:
  template <class T>
  static void read_integer(const json& value, const Place& place, T& out) {
    using Limits = std::numeric_limits<T>;
    bool fits = false;
    if (value.is_number_unsigned()) {
      fits = value.get<std::uint64_t>() <= static_cast<std::uint64_t>(Limits::max());
    } else if (value.is_number_integer()) {
      fits = std::is_signed_v<T> &&
             value.get<std::int64_t>() >= static_cast<std::int64_t>(Limits::min());
    }
    if (!fits) {
      refuse(place, shown(value),
             fmt::format("a whole number from {} to {}", Limits::min(), Limits::max()));
    }
    out = value.get<T>();
  }

  template <class E>
  static E read_name(std::string_view name, const json& value, const Place& place) {
    const auto known = named<E>(name);
    if (!known) {
      refuse(place, shown(value), fmt::format("one of {}", fmt::join(Names<E>::list, ", ")));
    }
    return *known;
  }

  static void read(const json& value, const Place& place, StallCount& out,
                   std::optional<std::uint64_t>& run_queue_ns) {
    Reader reader(value, place);
    fields(reader, out, run_queue_ns);
    out.run_queue_ns = run_queue_ns.value_or(0);
  }

  const json& object_;
  const Place& place_;
};

void Reader::read(const json& value, const Place& place, Histogram& out) {
  Reader reader(value, place);
  std::uint64_t count = 0;
  std::uint64_t saturated = 0;
  std::optional<std::uint64_t> min;
  std::optional<std::uint64_t> max;
  std::string hdr;
  reader.required("count", count);
  reader.required("min", min);
  reader.required("max", max);
  reader("saturated", saturated);
  reader.required("hdr", hdr);
  try {
    out = Histogram::decode(hdr);
    if (out.count() == count && out.empty() && !min && !max && saturated == 0) return;
    if (out.count() == count && min && max) return out.restore_bounds(*min, *max, saturated);
  } catch (const Error& error) {
    refuse(Place(place, "hdr"), error.what(), "");
  }
  refuse(place, "count, min and max that are not those of hdr", "a histogram as it was written");
}

void Reader::read(const json& value, const Place& place, Stalls& out) {
  const Reader reader(value, place);
  const auto at = [&](const char* name) -> const json& {
    const auto found = value.find(name);
    if (found == value.end()) refuse(Place(place, name), "nothing", "an object");
    return *found;
  };
  std::optional<std::uint64_t> run_queue_ns;
  read(at("total"), Place(place, "total"), out.total, run_queue_ns);
  out.run_queue_known = run_queue_ns.has_value();
  const Place causes(place, "by_cause");
  const auto& by_cause = at("by_cause");
  if (!by_cause.is_object()) refuse(causes, shown(by_cause), "an object");
  for (const auto& [name, entry] : by_cause.items()) {
    const Place here(causes, name);
    const auto cause = read_name<Cause>(name, json(name), here);
    auto& stalls = out.by_cause[cause];
    if (entry.is_null()) continue;
    std::optional<std::uint64_t> of_cause;
    read(entry, here, stalls.emplace(), of_cause);
  }
  // Not in the reports of older versions.
  const auto by_sub_cause = value.find("by_sub_cause");
  if (by_sub_cause == value.end()) return;
  const Place subs(place, "by_sub_cause");
  if (!by_sub_cause->is_object()) refuse(subs, shown(*by_sub_cause), "an object");
  for (const auto& [name, entry] : by_sub_cause->items()) {
    const Place here(subs, name);
    read(entry, here, out.by_sub_cause[read_name<SubCause>(name, json(name), here)]);
  }
}

// The document, or an Error for what is no JSON, or has a key twice.
json document_of(std::string_view text) {
  Faults faults;
  auto document = parse_document(text, kRules, faults);
  if (!faults.empty()) refuse(to_text(faults.kept().front()));
  return std::move(*document);
}

template <class Read>
auto guarded(const Read& read) {
  try {
    return read();
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::failed, "read a report", "there is not enough memory for it");
  }
}

void check_schema(const json& document) {
  if (!document.is_object()) refuse(Place(), shown(document), "an object");
  const auto schema = document.find("schema");
  if (schema == document.end() || !schema->is_string()) {
    refuse(fmt::format("it does not say that it is of schema {}", kReportSchema));
  }
  if (text_of(*schema) != kReportSchema) {
    // Comparisons and noise floors are netstall's too.
    const bool is_report = text_of(*schema).starts_with("netstall/report/");
    throw Error(
        ErrorKind::usage, "read a report",
        fmt::format("it is of schema {}, and this program reads {}", shown(*schema), kReportSchema),
        is_report ? "Use the version of netstall that wrote it."
                  : "That is no report: name one that `netstall run` wrote.");
  }
}

Report report_of(const json& document) {
  check_schema(document);
  Report report;
  const Place root;
  Reader reader(document, root);
  std::string kind;
  reader.required("kind", kind);
  if (kind != "run") refuse(Place(root, "kind"), shown_text(kind), "\"run\"");
  reader.required("tool", report.tool);
  reader.required("started_at", report.started_at);
  reader.required("seed", report.seed);
  reader.text("command", report.command);
  reader("selection", report.selection);
  reader.required("scenario_hash", report.scenario_hash);
  reader.required("cells", report.cells);
  const auto environment = document.find("environment");
  if (environment == document.end() || !environment->is_object()) {
    refuse(Place(root, "environment"), "none", "an object");
  }
  report.environment = flattened(*environment);
  const auto scenario = document.find("scenario");
  if (scenario == document.end() || !(scenario->is_object() || scenario->is_null())) {
    refuse(Place(root, "scenario"), "none", "an object");
  }
  if (scenario->is_object()) report.scenario_json = scenario->dump();
  return report;
}

}  // namespace

Repetition repetition_from_json_line(std::string_view line) {
  return guarded([line] {
    Repetition repetition;
    Reader::read(document_of(line), Place(), repetition);
    return repetition;
  });
}

CellResult cell_from_json(std::string_view text) {
  return guarded([text] {
    CellResult cell;
    Reader::read(document_of(text), Place(), cell);
    return cell;
  });
}

void check_report_schema(std::string_view text) {
  guarded([text] {
    check_schema(document_of(text));
    return true;
  });
}

Report report_from_json(std::string_view text) {
  return guarded([text] { return report_of(document_of(text)); });
}

}  // namespace netstall
