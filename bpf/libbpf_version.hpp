// Which libbpf loads the probes; for the report's "tool".
#pragma once

#include <string>

namespace netstall {

// "libbpf 1.1".
std::string libbpf_version();

}  // namespace netstall
