#include "model/scenario_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "base/nearest.hpp"
#include "model/axes.hpp"
#include "model/profile.hpp"
#include "model/scenario_keys.hpp"
#include "model/spec_checks.hpp"
#include "model/take_value.hpp"

namespace netstall {
namespace {

using nlohmann::json;

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
    check_keys(place, out, faults_);
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

}  // namespace netstall
