// The keys of a scenario as a tree: to check pointers of sweeps and --set before
// anything is applied, and to compare with the JSON Schema.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/scenario_json.hpp"

namespace netstall {

struct KnownKey {
  enum class Holds { value, object, list, sysctls, anything };
  std::string_view name;
  bool required = false;
  Holds holds = Holds::value;
  std::vector<KnownKey> keys;  // of the object, or of each object in the list
};

// The document itself, as the object it is.
KnownKey scenario_key_tree();

// What is wrong with a pointer, or nothing where it leads to a known place. The
// fault's pointer ends at the token that is unknown.
std::optional<Fault> fault_of_pointer(const KnownKey& root, std::span<const std::string> tokens);

}  // namespace netstall
