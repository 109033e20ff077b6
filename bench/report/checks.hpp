// The doctor's findings for people and for programs.
#pragma once

#include <span>
#include <string>

#include "model/check.hpp"

namespace netstall {

// One block a check, with the mend beneath what is not well.
std::string checks_text(std::span<const Check> checks, bool color);
// {"checks": [{"name", "result", "finding", "mend"}]}, mend null where there is none.
std::string checks_json(std::span<const Check> checks);

}  // namespace netstall
