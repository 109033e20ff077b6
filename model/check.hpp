// What `netstall doctor` says of one thing this machine can or cannot do.
#pragma once

#include <cstdint>
#include <string>

#include "model/names.hpp"

namespace netstall {

enum class CheckResult : std::uint8_t { pass, warn, fail };

template <>
struct Names<CheckResult> {
  static constexpr std::array<std::string_view, 3> list{"pass", "warn", "fail"};
};

struct Check {
  std::string name;  // one word, stable: "descriptors"
  CheckResult result = CheckResult::pass;
  std::string finding;  // a sentence: what was found
  std::string mend;     // a sentence: what to do; empty where the result is pass
};

}  // namespace netstall
