// One JSON value → one member of a scenario, by the kind of value that its key holds.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "model/scenario_keys.hpp"
#include "model/scenario_values.hpp"

namespace netstall {

// True when the value is one of its kind and within bounds; `out` then holds it.
bool take(const nlohmann::json& value, bool& out, const Flag&);
bool take(const nlohmann::json& value, std::uint32_t& out, const Whole& what);
bool take(const nlohmann::json& value, double& out, const Number& what);
bool take(const nlohmann::json& value, Bytes& out, const Size& what);
bool take(const nlohmann::json& value, std::vector<Bytes>& out, const SizeList& what);
bool take(const nlohmann::json& value, Nanoseconds& out, const Duration& what);
bool take(const nlohmann::json& value, double& out, const ByteRate&);
bool take(const nlohmann::json& value, Rate& out, const MessageRate&);
bool take(const nlohmann::json& value, BoundDraft& out, const Bound&);
bool take(const nlohmann::json& value, std::string& out, const NameText&);
bool take(const nlohmann::json& value, std::string& out, const AnyText&);
bool take(const nlohmann::json& value, std::string& out, const PathText&);
bool take(const nlohmann::json& value, std::string& out, const QdiscText&);
bool take(const nlohmann::json& value, std::string& out, const CpuListText&);
bool take(const nlohmann::json& value, std::string& out, const DeviceText&);
bool take(const nlohmann::json& value, double& out, const Percentage&);
bool take(const nlohmann::json& value, bool& out, const Sweep&);
bool take(const nlohmann::json& value, bool& out, const Exclusions&);

// The text where the value is one, else empty.
std::string_view text_of(const nlohmann::json& value);

}  // namespace netstall
