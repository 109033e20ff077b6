#include "model/axes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <tuple>
#include <unordered_set>
#include <utility>

#include "base/nearest.hpp"
#include "model/fingerprint.hpp"
#include "model/key_tree.hpp"
#include "model/scenario_values.hpp"

namespace netstall {
namespace {

using nlohmann::json;

constexpr std::size_t kLongestLabel = 48;
constexpr std::string_view kAxisAllowed =
    R"(a JSON pointer, as "/flows/0/connections", or a name for an axis of labelled or zipped settings)";

// Long ones keep their beginning, and differ where the whole differs.
std::string shortened(std::string label) {
  if (label.size() <= kLongestLabel) return label;
  return fmt::format("{}~{}", label.substr(0, kLongestLabel - 9), fingerprint(label).substr(0, 8));
}

// A label as part of a cell's id: no space, no "," or "=" that the id itself uses,
// nothing that a shell or a file name minds.
std::string id_of(std::string_view label) {
  std::string id;
  for (const char c : label) {
    if (c == '{' || c == '}' || c == '[' || c == ']') continue;
    const bool plain =
        NameText::accepts(std::string_view(&c, 1)) || c == '+' || c == ':' || c == '~';
    id += c == ' ' ? '-' : plain ? c : '_';
  }
  return id.empty() ? "empty" : id;
}

// Builds one axis; keeps labels, and ids made of them, apart from each other.
class AxisBuilder {
 public:
  AxisBuilder(std::string name, std::string id) : axis_{std::move(name), std::move(id), {}} {}

  // An empty label is a fault already.
  void add(std::string label, std::vector<Change> changes, const Place& place, Faults& faults) {
    if (!label.empty() && !labels_.insert(label).second) {
      faults.add(place, shown_text(label) + " for a second time", "each value of an axis once");
    }
    auto id = id_of(label);
    while (!ids_.insert(id).second) id += fmt::format("~{}", axis_.values.size());
    axis_.values.push_back({std::move(label), std::move(id), std::move(changes), place.pointer()});
  }

  AxisChanges take() { return std::move(axis_); }

 private:
  AxisChanges axis_;
  std::unordered_set<std::string> labels_;
  std::unordered_set<std::string> ids_;
};

// Reads axes one by one; what it takes has no fault of its own.
class AxisReader {
 public:
  explicit AxisReader(Faults& faults) : faults_(faults), tree_(scenario_key_tree()) {}

  // A list of values for the place that the axis's name points to.
  std::optional<AxisChanges> pointer_axis(const std::string& name, const json& values,
                                          const Place& place) {
    const auto tokens = known_place(name, place);
    if (!is_filled_list(values, place) || !tokens) return std::nullopt;
    AxisBuilder axis(name, id_of(tokens->back()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Place here(place, i);
      std::vector<Change> changes;
      changes.push_back(change(*tokens, values[i], here));
      axis.add(label_of(values[i]), std::move(changes), here, faults_);
    }
    return axis.take();
  }

  // A list of {"label", "set": {pointer: value}}.
  std::optional<AxisChanges> named_axis(const std::string& name, const json& values,
                                        const Place& place) {
    if (!NameText::accepts(name)) {
      faults_.add(place, "the name " + shown_text(name), std::string(kAxisAllowed));
      return std::nullopt;
    }
    if (!is_filled_list(values, place)) return std::nullopt;
    AxisBuilder axis(name, name);
    for (std::size_t i = 0; i < values.size(); ++i) {
      const Place here(place, i);
      if (values[i].is_object()) {
        axis.add(label(values[i], here), set(values[i], here), here, faults_);
      } else {
        faults_.add(here, shown(values[i]), R"({"label": a name, "set": {pointer: value}})");
      }
    }
    return axis.take();
  }

  // {"zip": {pointer: list, …}}: value k of the axis sets value k of each list.
  std::optional<AxisChanges> zipped_axis(const std::string& name, const json& value,
                                         const Place& place) {
    if (!NameText::accepts(name)) {
      faults_.add(place, "the name " + shown_text(name), std::string(kAxisAllowed));
      return std::nullopt;
    }
    for (const auto& [key, entry] : value.items()) {
      if (key != "zip") faults_.add(Place(place, key), "an unknown key", "zip");
    }
    const Place zip_place(place, "zip");
    const auto zip = value.find("zip");
    if (zip == value.end() || !zip->is_object() || zip->empty()) {
      faults_.add(zip_place, zip == value.end() ? "nothing" : shown(*zip),
                  "an object of JSON pointers and lists of values");
      return std::nullopt;
    }
    const auto before = faults_.count();
    std::vector<Tokens> places;
    for (const auto& [pointer, values] : zip->items()) {
      places.push_back(zipped_place(pointer, values, zip->front().size(), zip_place));
    }
    if (faults_.count() != before) return std::nullopt;
    AxisBuilder axis(name, name);
    for (std::size_t i = 0; i < zip->front().size(); ++i) {
      add_zipped(*zip, places, i, axis, zip_place);
    }
    return axis.take();
  }

 private:
  // Where one list of a zip goes; a fault where the list does not fit the others.
  Tokens zipped_place(const std::string& pointer, const json& values, std::size_t length,
                      const Place& place) {
    const Place here(place, pointer);
    auto tokens = known_place(pointer, here);
    if (tokens && tokens->front() == "profile") {
      faults_.add(here, "a profile in a zip", R"(a named axis of {"label", "set"} for profiles)");
    }
    if (is_filled_list(values, here) && values.size() != length) {
      faults_.add(here, fmt::format("a list of {}", values.size()),
                  fmt::format("one of {}, as the zip's first list is", length));
    }
    return tokens.value_or(Tokens{});
  }

  void add_zipped(const json& zip, const std::vector<Tokens>& places, std::size_t index,
                  AxisBuilder& axis, const Place& place) {
    std::string label;
    std::vector<Change> changes;
    auto at = places.begin();
    for (const auto& [pointer, values] : zip.items()) {
      const Place list(place, pointer);
      changes.push_back(change(*at++, values[index], Place(list, index)));
      label += (label.empty() ? "" : "+") + label_of(values[index]);
    }
    const Place first(place, zip.items().begin().key());
    axis.add(shortened(std::move(label)), std::move(changes), Place(first, index), faults_);
  }

  bool is_filled_list(const json& values, const Place& place) {
    if (values.is_array() && !values.empty()) return true;
    faults_.add(place, values.is_array() ? "an empty list" : shown(values),
                "a list of at least one value");
    return false;
  }

  std::optional<Tokens> known_place(const std::string& pointer, const Place& place) {
    auto tokens = tokens_of(pointer);
    if (!tokens) {
      faults_.add(place, shown_text(pointer), R"(a JSON pointer, as "/flows/0/connections")");
      return std::nullopt;
    }
    const auto& top = tokens->front();
    if (top == "schema" || top == "name" || top == "why" || top == "sweep" || top == "exclude") {
      faults_.add(place, "an axis over " + shown_text(top),
                  "a place in lab, profile, sysctl, flows, timing or expect");
      return std::nullopt;
    }
    if (const auto fault = fault_of_pointer(tree_, *tokens)) {
      faults_.add(place, fmt::format("{} at {}", fault->found, escaped(fault->pointer, 200)),
                  fault->allowed, fault->nearest);
      return std::nullopt;
    }
    return tokens;
  }

  static Change change(Tokens tokens, const json& value, const Place& place) {
    Change change{std::move(tokens), std::nullopt, place.pointer()};
    if (!value.is_null()) change.value = value;
    return change;
  }

  std::string label(const json& value, const Place& place) {
    for (const auto& [key, entry] : value.items()) {
      if (key == "label" || key == "set") continue;
      faults_.add(Place(place, key), "an unknown key", "one of label, set");
    }
    const auto at = value.find("label");
    if (at != value.end() && at->is_string() &&
        NameText::accepts(at->get_ref<const std::string&>())) {
      return at->get<std::string>();
    }
    faults_.add(Place(place, "label"), at == value.end() ? "nothing" : shown(*at),
                NameText().allowed());
    return {};
  }

  std::vector<Change> set(const json& value, const Place& place) {
    std::vector<Change> changes;
    const Place set_place(place, "set");
    const auto at = value.find("set");
    if (at == value.end() || !at->is_object()) {
      faults_.add(set_place, at == value.end() ? "nothing" : shown(*at),
                  "an object of JSON pointers and values");
      return changes;
    }
    for (const auto& [pointer, entry] : at->items()) {
      const Place here(set_place, pointer);
      if (auto tokens = known_place(pointer, here)) {
        changes.push_back(change(std::move(*tokens), entry, here));
      }
    }
    return changes;
  }

  Faults& faults_;
  KnownKey tree_;
};

// Reads what is left out of the axes' product.
class ExclusionReader {
 public:
  ExclusionReader(const std::vector<AxisChanges>& axes, Faults& faults)
      : axes_(axes), faults_(faults) {}

  Exclusion read(const json& value, const Place& place) {
    Exclusion exclusion;
    if (!value.is_object() || value.empty()) {
      faults_.add(place, shown(value), "an object of axes and their values");
      return exclusion;
    }
    for (const auto& [name, values] : value.items()) {
      const Place here(place, name);
      if (const auto axis = axis_of(name, here)) {
        exclusion.push_back({*axis, chosen(axes_[*axis], name, values, here)});
      }
    }
    return exclusion;
  }

 private:
  // By its name, or by a place that it changes.
  std::optional<std::size_t> axis_of(const std::string& name, const Place& place) {
    std::vector<std::string_view> known;
    for (std::size_t i = 0; i < axes_.size(); ++i) {
      if (axes_[i].name == name || changes(axes_[i], name)) return i;
      known.emplace_back(axes_[i].name);
    }
    faults_.add(place, "no axis of this sweep",
                known.empty() ? "nothing to exclude, as there is no sweep"
                              : fmt::format("one of {}", fmt::join(known, ", ")),
                nearest_word(name, known));
    return std::nullopt;
  }

  static bool changes(const AxisChanges& axis, std::string_view pointer) {
    return std::any_of(axis.values.begin(), axis.values.end(), [&](const auto& value) {
      return std::any_of(value.changes.begin(), value.changes.end(),
                         [&](const Change& change) { return pointer_of(change.place) == pointer; });
    });
  }

  // One value, or a list of them: a label, or what stands at the place.
  std::vector<bool> chosen(const AxisChanges& axis, std::string_view name, const json& values,
                           const Place& place) {
    std::vector<bool> chosen(axis.values.size(), false);
    if (!values.is_array()) {
      choose(axis, name, values, place, chosen);
      return chosen;
    }
    for (std::size_t i = 0; i < values.size(); ++i) {
      choose(axis, name, values[i], Place(place, i), chosen);
    }
    return chosen;
  }

  void choose(const AxisChanges& axis, std::string_view name, const json& value, const Place& place,
              std::vector<bool>& chosen) {
    bool found = false;
    std::vector<std::string_view> labels;
    for (std::size_t i = 0; i < axis.values.size(); ++i) {
      labels.emplace_back(axis.values[i].label);
      if (axis.values[i].label != label_of(value) && !sets(axis.values[i], name, value)) continue;
      chosen[i] = true;
      found = true;
    }
    if (found) return;
    faults_.add(place, shown(value), fmt::format("one of {}", fmt::join(labels, ", ")),
                nearest_word(label_of(value), labels));
  }

  static bool sets(const AxisValueChanges& of, std::string_view pointer, const json& value) {
    return std::any_of(of.changes.begin(), of.changes.end(), [&](const Change& change) {
      return pointer_of(change.place) == pointer && change.value.value_or(nullptr) == value;
    });
  }

  const std::vector<AxisChanges>& axes_;
  Faults& faults_;
};

std::vector<Exclusion> read_exclusions(const json& document, const std::vector<AxisChanges>& axes,
                                       Faults& faults) {
  std::vector<Exclusion> exclusions;
  const auto exclude = document.find("exclude");
  if (exclude == document.end() || !exclude->is_array()) return exclusions;
  const Place root;
  const Place place(root, "exclude");
  ExclusionReader reader(axes, faults);
  for (std::size_t i = 0; i < exclude->size(); ++i) {
    exclusions.push_back(reader.read((*exclude)[i], Place(place, i)));
  }
  return exclusions;
}

struct ChangedPlace {
  const Change* change;
  std::size_t axis;
  friend bool operator<(const ChangedPlace& left, const ChangedPlace& right) {
    return std::tie(left.change->place, left.axis) < std::tie(right.change->place, right.axis);
  }
  friend bool operator==(const ChangedPlace& left, const ChangedPlace& right) {
    return left.axis == right.axis && left.change->place == right.change->place;
  }
};

void add_overlap(const Change& change, const Change& other, Faults& faults) {
  faults.add({change.written_at,
              fmt::format("a change of {}", escaped(pointer_of(change.place), 200)),
              fmt::format("a place that {} does not change", escaped(other.written_at, 200)), ""});
}

// Sorted by place, one that holds others stands before them and they follow at once.
void check_overlaps(std::vector<ChangedPlace> places, bool same_axis, Faults& faults) {
  std::sort(places.begin(), places.end());
  places.erase(std::unique(places.begin(), places.end()), places.end());
  std::vector<ChangedPlace> around;  // what holds the place looked at
  for (const auto& place : places) {
    const auto holds = [&place](const ChangedPlace& other) {
      return other.change->place.size() <= place.change->place.size() &&
             overlap(other.change->place, place.change->place);
    };
    while (!around.empty() && !holds(around.back())) around.pop_back();
    const auto other = std::find_if(
        around.begin(), around.end(),
        [&](const ChangedPlace& candidate) { return same_axis || candidate.axis != place.axis; });
    if (other != around.end()) add_overlap(*place.change, *other->change, faults);
    around.push_back(place);
  }
}

// The changes of one cell must not depend on their order.
void check_overlaps(const std::vector<AxisChanges>& axes, Faults& faults) {
  std::vector<ChangedPlace> all;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    for (const auto& value : axes[i].values) {
      std::vector<ChangedPlace> of_value;
      for (const auto& change : value.changes) of_value.push_back({&change, i});
      all.insert(all.end(), of_value.begin(), of_value.end());
      if (of_value.size() > 1) check_overlaps(std::move(of_value), true, faults);
    }
  }
  check_overlaps(std::move(all), false, faults);
}

void check_count(const std::vector<AxisChanges>& axes, Faults& faults) {
  double cells = 1;
  for (const auto& axis : axes) cells *= static_cast<double>(axis.values.size());
  if (cells > static_cast<double>(kMaxCells)) {
    faults.add(
        {"/sweep", fmt::format("{:.0f} cells", cells), fmt::format("at most {}", kMaxCells), ""});
  }
}

// Where a pointer's last token does not tell two axes apart, or says nothing,
// the whole pointer stands in the cells' ids.
void lengthen_unclear_ids(std::vector<AxisChanges>& axes) {
  std::map<std::string, int> uses;
  for (const auto& axis : axes) ++uses[axis.id];
  for (auto& axis : axes) {
    if (!axis.name.starts_with('/') || (uses[axis.id] == 1 && !list_index(axis.id))) continue;
    auto whole = axis.name.substr(1);
    std::replace(whole.begin(), whole.end(), '/', '.');
    axis.id = id_of(whole);
  }
}

}  // namespace

std::string label_of(const json& value) {
  if (value.is_null()) return "absent";
  auto label = value.is_string() ? escaped(value.get_ref<const std::string&>(), std::string::npos)
                                 : value.dump(-1, ' ', true, json::error_handler_t::replace);
  if (label.empty()) return "empty";
  if (value.is_structured()) std::erase_if(label, [](char c) { return c == '"'; });
  return shortened(std::move(label));
}

std::vector<Tokens> swept_places(const json& document) {
  std::vector<Tokens> places;
  const auto add = [&places](const std::string& pointer) {
    if (auto tokens = tokens_of(pointer)) places.push_back(std::move(*tokens));
  };
  if (!document.is_object() || !document.contains("sweep")) return places;
  const auto& sweep = document["sweep"];
  if (!sweep.is_object()) return places;
  for (const auto& [name, values] : sweep.items()) {
    add(name);
    if (values.is_object() && values.contains("zip") && values["zip"].is_object()) {
      for (const auto& [pointer, list] : values["zip"].items()) add(pointer);
    }
    if (name.starts_with('/') || !values.is_array()) continue;
    for (const auto& value : values) {
      if (!value.is_object() || !value.contains("set") || !value["set"].is_object()) continue;
      for (const auto& [pointer, entry] : value["set"].items()) add(pointer);
    }
  }
  return places;
}

Axes read_axes(const json& document, Faults& faults) {
  std::vector<AxisChanges> axes;
  const auto sweep = document.find("sweep");
  if (sweep == document.end() || !sweep->is_object()) {
    read_exclusions(document, axes, faults);
    return {};
  }
  AxisReader reader(faults);
  const Place root;
  const Place place(root, "sweep");
  for (const auto& [name, values] : sweep->items()) {
    const Place here(place, name);
    auto axis = name.starts_with('/') ? reader.pointer_axis(name, values, here)
                : values.is_object()  ? reader.zipped_axis(name, values, here)
                                      : reader.named_axis(name, values, here);
    if (axis) axes.push_back(std::move(*axis));
  }
  const auto before = faults.count();
  check_overlaps(axes, faults);
  check_count(axes, faults);
  auto exclusions = read_exclusions(document, axes, faults);
  const bool makes_cells = faults.count() == before;
  lengthen_unclear_ids(axes);
  return {std::move(axes), std::move(exclusions), makes_cells};
}

Axis plain(const AxisChanges& axis) {
  Axis out{axis.name, {}};
  for (const auto& value : axis.values) {
    AxisValue plain_value{value.label, {}};
    for (const auto& change : value.changes) {
      auto& text = plain_value.set[pointer_of(change.place)];
      if (change.value) text = change.value->dump(-1, ' ', false, json::error_handler_t::replace);
    }
    out.values.push_back(std::move(plain_value));
  }
  return out;
}

}  // namespace netstall
