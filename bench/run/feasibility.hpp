// What a cell asks for and this machine does not have: found out before anything is
// changed.
#pragma once

#include <optional>
#include <string>

#include "model/scenario.hpp"

namespace netstall {

// Remembers what it has found: cells of a sweep ask the same again and again. Not
// thread-safe.
class Feasibility {
 public:
  // A sentence why this cell cannot be run here, or nothing.
  std::optional<std::string> why_not(const Scenario& scenario);

 private:
  std::optional<std::optional<std::string>> memory_limit_;
};

}  // namespace netstall
