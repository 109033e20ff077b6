#include "model/swept_cells.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <utility>

#include "model/scenario_reader.hpp"

namespace netstall {
namespace {

using nlohmann::json;

// Deeper in the list first, so that taking one entry away moves none that is
// still to go; tokens without leading zeros compare by length, then as text.
bool later_entry_first(const Change* left, const Change* right) {
  const auto& a = left->place;
  const auto& b = right->place;
  return std::lexicographical_compare(b.begin(), b.end(), a.begin(), a.end(),
                                      [](const std::string& x, const std::string& y) {
                                        return x.size() != y.size() ? x.size() < y.size() : x < y;
                                      });
}

void add_problem(const Change& change, std::string problem, Faults& faults) {
  faults.add({pointer_of(change.place), std::move(problem), "a place that the scenario has", ""});
}

bool changes(const AxisChanges& axis, const std::function<bool(const Change&)>& matters) {
  return std::any_of(axis.values.begin(), axis.values.end(), [&matters](const auto& value) {
    return std::any_of(value.changes.begin(), value.changes.end(), matters);
  });
}

bool shapes(const Change& change) {
  const auto& place = change.place;
  const auto within = [&](std::string_view section, std::string_view key) {
    return place[0] == section && (place.size() == 1 || place[1] == key);
  };
  return place[0] == "flows" || within("sysctl", "client") || within("lab", "placement") ||
         within("lab", "clients");
}

bool changes_clients(const Change& change) {
  const auto& place = change.place;
  return place[0] == "lab" && (place.size() == 1 || place[1] == "clients");
}

// What check_clients() looks at.
bool concerns_clients(const Change& change) {
  const auto& place = change.place;
  return changes_clients(change) ||
         (place[0] == "flows" &&
          (place.size() < 3 || place[2] == "connections" || place[2] == "pattern"));
}

bool renames(const Change& change) {
  const auto& place = change.place;
  const bool of_until = place[0] == "timing" && (place.size() < 2 || place[1] == "until");
  return of_until || place[0] == "expect" ||
         (place[0] == "flows" && (place.size() < 3 || place[2] == "name"));
}

// The list of flow groups has to be read as a whole when its length may change,
// or when a change misses it.
bool concerns_all_flows(const Change& change, std::size_t flows) {
  const auto& place = change.place;
  if (place[0] != "flows") return false;
  return place.size() == 1 || (place.size() == 2 && !change.value) ||
         list_index(place[1]).value_or(flows) >= flows;
}

std::vector<std::size_t> axes_that(const std::vector<AxisChanges>& axes,
                                   const std::function<bool(const Change&)>& matters) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < axes.size(); ++i) {
    if (changes(axes[i], matters)) found.push_back(i);
  }
  return found;
}

}  // namespace

SweptCells::SweptCells(const json& document, Scenario base, std::vector<AxisChanges> axes,
                       const std::vector<Exclusion>& exclusions)
    : base_(std::move(base)), axes_(std::move(axes)) {
  for (const auto& axis : axes_) size_ *= axis.values.size();
  shape_axes_ = axes_that(axes_, shapes);
  name_axes_ = axes_that(axes_, renames);
  if (base_.lab.clients > 1 || !axes_that(axes_, changes_clients).empty()) {
    client_axes_ = axes_that(axes_, concerns_clients);
  }
  if (!exclusions.empty()) leave_out(exclusions);
  add_section(document, Part::lab, {"lab"});
  add_section(document, Part::sysctl, {"sysctl"});
  add_section(document, Part::timing, {"timing"});
  add_section(document, Part::probes, {"probes"});
  add_section(document, Part::expect, {"expect"});
  const auto flows = document.find("flows");
  const auto is_whole = [&](const Change& change) {
    return concerns_all_flows(change, flows->size());
  };
  if (flows == document.end() || !flows->is_array() || !axes_that(axes_, is_whole).empty()) {
    add_section(document, Part::flows, {"flows"});
    return;
  }
  for (std::size_t i = 0; i < flows->size(); ++i) {
    add_section(document, Part::flow, {"flows", std::to_string(i)});
  }
}

void SweptCells::add_section(const json& document, Part part, Tokens place) {
  auto axes =
      axes_that(axes_, [&place](const Change& change) { return overlap(change.place, place); });
  if (axes.empty()) return;
  json base;
  if (part == Part::flow) {
    base = document["flows"][*list_index(place[1])];
  } else if (document.contains(place[0])) {
    base = document[place[0]];
  }
  sections_.push_back({part, std::move(place), std::move(base), std::move(axes)});
}

void SweptCells::leave_out(const std::vector<Exclusion>& exclusions) {
  excludes_ = true;
  std::map<std::size_t, std::uint32_t> shapes;
  for (std::size_t point = 0; point < size_; ++point) {
    const auto values = choice_at(point);
    const bool excluded =
        std::any_of(exclusions.begin(), exclusions.end(), [&values](const Exclusion& exclusion) {
          return std::all_of(exclusion.begin(), exclusion.end(),
                             [&values](const auto& of) { return of.values[values[of.axis]]; });
        });
    if (excluded) continue;
    kept_.push_back(static_cast<std::uint32_t>(point));
    const auto next = static_cast<std::uint32_t>(shapes.size());
    shapes_.push_back(shapes.emplace(shape_of(values), next).first->second);
  }
}

Choice SweptCells::choice_at(std::size_t point) const {
  Choice choice(axes_.size());
  for (std::size_t i = axes_.size(); i-- > 0;) {
    choice[i] = point % axes_[i].values.size();
    point /= axes_[i].values.size();
  }
  return choice;
}

Choice SweptCells::choice(std::size_t index) const {
  return choice_at(excludes_ ? kept_[index] : index);
}

json SweptCells::patched(const Section& section, const Choice& choice, Faults& faults) const {
  auto document = section.base;
  std::vector<const Change*> taken_away;
  const auto depth = section.place.size();
  for (const auto axis : section.axes) {
    for (const auto& change : axes_[axis].values[choice[axis]].changes) {
      if (!overlap(change.place, section.place)) continue;
      if (!change.value) {
        taken_away.push_back(&change);
      } else if (auto problem =
                     put(document, std::span(change.place).subspan(depth), *change.value)) {
        add_problem(change, std::move(*problem), faults);
      }
    }
  }
  std::sort(taken_away.begin(), taken_away.end(), later_entry_first);
  for (const auto* change : taken_away) {
    if (auto problem = take_away(document, std::span(change->place).subspan(depth))) {
      add_problem(*change, std::move(*problem), faults);
    }
  }
  return document;
}

void SweptCells::read(const Section& section, const Choice& choice, Scenario& out,
                      Faults& faults) const {
  auto document = patched(section, choice, faults);
  const Place root;
  const Place top(root, section.place[0]);
  const auto read_into = [&](auto& target, json nothing) {
    target = {};
    read_part(document.is_null() ? nothing : document, top, faults, target);
  };
  switch (section.part) {
    case Part::lab:
      return read_into(out.lab, json::object());
    case Part::sysctl:
      return read_into(out.sysctl, json::object());
    case Part::timing:
      return read_into(out.timing, json::object());
    case Part::probes:
      out.probes = default_probes();
      if (!document.is_null()) read_part(document, top, faults, out.probes);
      return;
    case Part::expect:
      return read_into(out.expect, json::array());
    case Part::flows:
      return read_into(out.flows, json::array());
    case Part::flow: {
      const auto index = *list_index(section.place[1]);
      if (out.flows.size() <= index) out.flows.resize(index + 1);
      out.flows[index] = {};
      return read_part(document, Place(top, index), faults, out.flows[index]);
    }
  }
}

Cell SweptCells::cell(std::size_t index) const {
  const auto values = choice(index);
  Cell cell{{}, {}, base_};
  for (std::size_t i = 0; i < axes_.size(); ++i) {
    const auto& value = axes_[i].values[values[i]];
    if (i > 0) cell.id += ',';
    cell.id += axes_[i].id;
    cell.id += '=';
    cell.id += value.id;
    cell.parameters.emplace(axes_[i].name, value.label);
  }
  if (axes_.empty()) cell.id = "base";
  Faults none;  // check() has found them
  for (const auto& section : sections_) read(section, values, cell.scenario, none);
  return cell;
}

Timing SweptCells::timing(std::size_t index) const {
  const auto section =
      std::find_if(sections_.begin(), sections_.end(),
                   [](const Section& candidate) { return candidate.part == Part::timing; });
  if (section == sections_.end()) return base_.timing;
  Scenario scenario;
  Faults none;
  read(*section, choice(index), scenario, none);
  return scenario.timing;
}

std::size_t SweptCells::shape(std::size_t index) const {
  return excludes_ ? shapes_[index] : shape_of(choice(index));
}

std::size_t SweptCells::shape_of(const Choice& choice) const {
  std::size_t shape = 0;
  for (const auto axis : shape_axes_) shape = shape * axes_[axis].values.size() + choice[axis];
  return shape;
}

// Reads every different text of every part once, and every different set of names.
class SweptCells::Checker {
 public:
  Checker(const SweptCells& cells, const std::vector<Fault>& known, Faults& faults)
      : cells_(cells), faults_(faults) {
    for (const auto& fault : known) known_.insert(mark(fault));
  }

  void run() {
    for (const auto& section : cells_.sections_) {
      for_each_choice(section.axes, [&](const Choice& choice) {
        Scenario scenario;
        Faults found;
        cells_.read(section, choice, scenario, found);
        report(found, choice, section.axes);
      });
    }
    check_across(cells_.name_axes_, [this](const Scenario& scenario, Faults& found) {
      check_names(scenario, found);
      check_against(scenario, cells_.axes_, found);
    });
    check_across(cells_.client_axes_, check_clients);
  }

 private:
  static constexpr std::size_t kEnough = 50;

  static std::string mark(const Fault& fault) { return fault.pointer + "\n" + fault.found; }

  // The combinations of values of some axes that a cell has, each as one number.
  std::set<std::size_t> kept_of(const std::vector<std::size_t>& axes) const {
    std::set<std::size_t> kept;
    for (const auto point : cells_.kept_) kept.insert(number_of(cells_.choice_at(point), axes));
    return kept;
  }
  std::size_t number_of(const Choice& choice, const std::vector<std::size_t>& axes) const {
    std::size_t number = 0;
    for (const auto axis : axes) {
      number = number * cells_.axes_[axis].values.size() + choice[axis];
    }
    return number;
  }

  // Visits each combination of values of some axes that a cell has, the others at
  // their first.
  template <class Visit>
  void for_each_choice(const std::vector<std::size_t>& axes, const Visit& visit) {
    const auto kept = kept_of(axes);
    Choice choice(cells_.axes_.size(), 0);
    while (seen_.size() < kEnough) {
      if (!cells_.excludes_ || kept.contains(number_of(choice, axes))) visit(choice);
      auto at = axes.size();
      while (at > 0 && ++choice[axes[at - 1]] == cells_.axes_[axes[at - 1]].values.size()) {
        choice[axes[--at]] = 0;
      }
      if (at == 0) return;
    }
  }

  // What holds between parts, where these axes change it; of parts that have no fault.
  template <class Check>
  void check_across(const std::vector<std::size_t>& axes, const Check& check) {
    if (!seen_.empty() || axes.empty()) return;
    for_each_choice(axes, [&](const Choice& choice) {
      auto scenario = cells_.base_;
      Faults found;
      for (const auto& section : cells_.sections_) {
        const bool alone = section.part == Part::sysctl || section.part == Part::probes;
        if (!alone) cells_.read(section, choice, scenario, found);
      }
      check(scenario, found);
      report(found, choice, axes);
    });
  }

  void report(const Faults& found, const Choice& choice, const std::vector<std::size_t>& axes) {
    for (const auto& fault : found.kept()) {
      if (known_.contains(mark(fault))) continue;
      auto named = at_its_change(fault, choice, axes);
      if (seen_.insert(mark(named)).second) faults_.add(std::move(named));
    }
  }

  // The fault as the user wrote it: within the value of the change that holds the
  // place; else at the only axis that can have brought it; else at the sweep.
  Fault at_its_change(const Fault& fault, const Choice& choice,
                      const std::vector<std::size_t>& axes) const {
    const auto place = tokens_of(fault.pointer).value_or(Tokens{});
    for (const auto axis : axes) {
      for (const auto& change : cells_.axes_[axis].values[choice[axis]].changes) {
        if (change.place.size() > place.size() || !overlap(change.place, place)) continue;
        const auto rest = std::span(place).subspan(change.place.size());
        return {change.written_at + pointer_of(rest), fault.found, fault.allowed, fault.nearest};
      }
    }
    const auto found = fmt::format("{} at {}", fault.found, escaped(fault.pointer, 200));
    if (axes.size() == 1) {
      return {cells_.axes_[axes[0]].values[choice[axes[0]]].written_at, found, fault.allowed,
              fault.nearest};
    }
    return {"/sweep", found + " in a cell", fault.allowed, fault.nearest};
  }

  const SweptCells& cells_;
  Faults& faults_;
  std::set<std::string> known_;
  std::set<std::string> seen_;
};

void SweptCells::check(const std::vector<Fault>& known, Faults& faults) const {
  Checker(*this, known, faults).run();
}

}  // namespace netstall
