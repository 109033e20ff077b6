// The sweep of a scenario: what each value of each axis changes in the document.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "model/faults.hpp"
#include "model/json_pointer.hpp"
#include "model/scenario.hpp"

namespace netstall {

constexpr std::size_t kMaxCells = 100'000;

// Internal to this room, and so may hold JSON.
struct Change {
  Tokens place;
  std::optional<nlohmann::json> value;  // absent: the key is taken away
  std::string written_at;               // where in the document this change stands
};

struct AxisValueChanges {
  std::string label;
  std::string id;  // the label as it stands in cell ids; no two of an axis are alike
  std::vector<Change> changes;
  std::string written_at;
};

struct AxisChanges {
  std::string name;
  std::string id;  // as it stands in cell ids: a pointer's last token where that is enough
  std::vector<AxisValueChanges> values;
};

// A value of an axis as its label: short, readable, and different for different values.
std::string label_of(const nlohmann::json& value);

// The places that a sweep changes, read leniently from a document that may have
// faults anywhere.
std::vector<Tokens> swept_places(const nlohmann::json& document);

// Cells to leave out: those whose value of every axis named here is one of these.
struct ExcludedValues {
  std::size_t axis = 0;
  std::vector<bool> values;  // one for each of the axis
};
using Exclusion = std::vector<ExcludedValues>;

struct Axes {
  std::vector<AxisChanges> axes;  // those that can be read
  std::vector<Exclusion> exclusions;
  bool makes_cells = true;  // false: they contradict each other, or are too many
};

// The axes of a document and what it excludes of them. Finds every fault that does
// not depend on what stands at the places: unknown places, places that two axes
// change, labels given twice, lists of unequal length in one zip, too many cells,
// exclusions of what no axis has.
Axes read_axes(const nlohmann::json& document, Faults& faults);

// For people and for the report.
Axis plain(const AxisChanges& axis);

}  // namespace netstall
