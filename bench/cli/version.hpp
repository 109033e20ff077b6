// What this program is: version, revision, compiler, libraries.
#pragma once

#include <string>

#include "model/report.hpp"

namespace netstall {

Tool tool_facts();
// "netstall 0.1.0 (revision abc1234, g++ 12.2.0, libbpf 1.1)".
std::string version_text();

}  // namespace netstall
