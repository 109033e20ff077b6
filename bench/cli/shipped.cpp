#include "bench/cli/shipped.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/nearest.hpp"
#include "base/printable.hpp"

namespace netstall {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kScenarioEnding = ".json";
constexpr std::string_view kSchemaEnding = ".schema.json";
constexpr std::string_view kProfileEnding = ".conf";

// The names of a folder's files that end so; none where the folder cannot be read.
std::vector<std::string> names_in(const fs::path& folder, std::string_view ending) {
  std::vector<std::string> names;
  std::error_code unreadable;
  for (const auto& entry : fs::directory_iterator(folder, unreadable)) {
    auto name = entry.path().filename().string();
    if (!name.ends_with(ending) || name.ends_with(kSchemaEnding)) continue;
    name.resize(name.size() - ending.size());
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

bool is_there(const fs::path& path) {
  std::error_code none;
  return fs::exists(path, none) && !fs::is_directory(path, none);
}

std::string remedy_for(const std::string& given, const Shipped& shipped) {
  const auto names = shipped.scenarios_and_claims();
  if (names.empty()) {
    return fmt::format("name a scenario file; none is shipped in {}",
                       printable(shipped.scenario_folder().string()));
  }
  const std::vector<std::string_view> known(names.begin(), names.end());
  const auto stem = fs::path(given).stem().string();
  auto near = nearest_word(stem, known);
  if (near.empty()) near = nearest_word("claims/" + stem, known);
  constexpr auto kList = "`netstall scenarios` lists what is shipped";
  return near.empty() ? std::string(kList) : fmt::format("did you mean {}? {}", near, kList);
}

}  // namespace

Shipped Shipped::beside_program() {
  std::error_code none;
  const auto program = fs::read_symlink("/proc/self/exe", none);
  return Shipped((program.parent_path() / NETSTALL_DATA_FROM_BIN / "netstall").lexically_normal());
}

fs::path Shipped::scenario_file(std::string_view name) const {
  return scenario_folder() / fmt::format("{}{}", name, kScenarioEnding);
}

std::vector<std::string> Shipped::scenarios() const {
  return names_in(scenario_folder(), kScenarioEnding);
}

std::vector<std::string> Shipped::claims() const {
  auto names = names_in(scenario_folder() / "claims", kScenarioEnding);
  for (auto& name : names) name.insert(0, "claims/");
  return names;
}

std::vector<std::string> Shipped::scenarios_and_claims() const {
  auto names = scenarios();
  for (auto& claim : claims()) names.push_back(std::move(claim));
  return names;
}

std::vector<std::string> Shipped::profiles() const {
  return names_in(profile_folder(), kProfileEnding);
}

fs::path find_scenario(const std::string& given, const Shipped& shipped) {
  if (is_there(given)) return given;
  constexpr std::string_view kClaims = "claims/";
  const auto name = given.starts_with(kClaims) ? given.substr(kClaims.size()) : given;
  const bool is_name = name.find('/') == std::string::npos;
  if (is_name && is_there(shipped.scenario_file(given))) return shipped.scenario_file(given);
  std::error_code none;
  const bool folder = fs::is_directory(given, none);
  throw Error(ErrorKind::usage, fmt::format("find the scenario {}", printable(given)),
              folder    ? "it is a folder"
              : is_name ? "there is no such file, and none of this name is shipped"
                        : "there is no such file",
              remedy_for(given, shipped));
}

}  // namespace netstall
