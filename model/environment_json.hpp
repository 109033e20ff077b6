// The facts of a machine as nested JSON objects, and back.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "model/report.hpp"

namespace netstall {

// A name's first two dots open objects, the rest is one key: "cpu.model" stands in
// {"cpu": {"model": …}}, "sysctl.host.net.ipv4.tcp_mem" in {"sysctl": {"host":
// {"net.ipv4.tcp_mem": …}}}. Where a name is itself a fact, the names that it
// begins stand beside it as they are. Joining keys with dots gives the names back.
nlohmann::ordered_json nested(const Environment& environment);
Environment flattened(const nlohmann::json& nested);

}  // namespace netstall
