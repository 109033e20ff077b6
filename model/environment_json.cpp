#include "model/environment_json.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

namespace netstall {
namespace {

constexpr int kLevels = 2;

void flatten(const nlohmann::json& object, const std::string& prefix, Environment& out) {
  for (const auto& [key, value] : object.items()) {
    if (value.is_object()) {
      flatten(value, prefix + key + ".", out);
    } else {
      out.emplace(prefix + key, value.is_string() ? value.get<std::string>() : value.dump());
    }
  }
}

}  // namespace

nlohmann::ordered_json nested(const Environment& environment) {
  auto root = nlohmann::ordered_json::object();
  for (const auto& [name, value] : environment) {
    auto* at = &root;
    std::size_t begin = 0;
    for (int level = 0; level < kLevels; ++level) {
      const auto dot = name.find('.', begin);
      if (dot == std::string::npos || environment.contains(name.substr(0, dot))) break;
      at = &(*at)[name.substr(begin, dot - begin)];
      begin = dot + 1;
    }
    (*at)[name.substr(begin)] = value;
  }
  return root;
}

Environment flattened(const nlohmann::json& nested) {
  Environment environment;
  flatten(nested, "", environment);
  return environment;
}

}  // namespace netstall
