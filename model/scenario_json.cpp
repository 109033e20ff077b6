#include "model/scenario_json.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/axes.hpp"
#include "model/faults.hpp"
#include "model/fingerprint.hpp"
#include "model/json_document.hpp"
#include "model/json_pointer.hpp"
#include "model/key_tree.hpp"
#include "model/payload_files.hpp"
#include "model/profile_merge.hpp"
#include "model/scenario_reader.hpp"
#include "model/scenario_values.hpp"
#include "model/swept_cells.hpp"

namespace netstall {
namespace {

using nlohmann::json;

constexpr DocumentRules kRules{};
constexpr std::uint64_t kMaxRepetitions = 1'000'000;

// A JSON value where the text is one; a bare word is a text.
json override_value(const Override& given, Faults& faults) {
  Faults none;
  auto value = parse_document(given.value, {kRules.max_bytes, false}, none);
  if (value && none.empty()) return std::move(*value);
  const auto text = trimmed(given.value);
  if (text.starts_with('{') || text.starts_with('[') || text.starts_with('"')) {
    faults.add({given.pointer,
                fmt::format("{} in {}", none.kept()[0].found, shown_text(given.value)),
                "a JSON value or a bare word", ""});
    return nullptr;
  }
  return given.value;
}

// What cannot be set there, said once for each override.
std::optional<Fault> fault_of_override(const Override& given, std::span<const std::string> place,
                                       const KnownKey& tree, std::span<const Tokens> swept) {
  if (auto fault = fault_of_pointer(tree, place)) {
    fault->found = fmt::format("{}, given with --set", fault->found);
    return fault;
  }
  for (const auto& other : swept) {
    if (!overlap(place, other)) continue;
    return Fault{given.pointer, "a value given with --set or --profile for what is swept",
                 fmt::format("a place that the sweep over {} does not change",
                             escaped(pointer_of(other), 200)),
                 ""};
  }
  return std::nullopt;
}

// Applies --profile and --set; returns the places that --set decides.
std::vector<Tokens> apply_overrides(json& document, const ScenarioOptions& options,
                                    Faults& faults) {
  std::vector<Override> all;
  if (options.profile) {
    all.push_back(
        {"/profile", json(*options.profile).dump(-1, ' ', false, json::error_handler_t::replace)});
  }
  all.insert(all.end(), options.overrides.begin(), options.overrides.end());
  const auto tree = scenario_key_tree();
  std::vector<Tokens> places;
  for (const auto& given : all) {
    auto place = tokens_of(given.pointer);
    if (!place) {
      faults.add(
          {given.pointer, "no JSON pointer in --set", R"(a pointer as "/timing/measure")", ""});
      continue;
    }
    if (auto fault = fault_of_override(given, *place, tree, swept_places(document))) {
      faults.add(std::move(*fault));
      continue;
    }
    auto value = override_value(given, faults);
    auto problem =
        value.is_null() ? take_away(document, *place) : put(document, *place, std::move(value));
    if (problem) faults.add({given.pointer, *problem, "a place that the scenario has", ""});
    places.push_back(std::move(*place));
  }
  return places;
}

std::string name_from(std::string_view file) {
  std::string name(file.substr(0, NameText::kLongest));
  for (auto& c : name) {
    if (!NameText::accepts(std::string_view(&c, 1))) c = '-';
  }
  return name.empty() ? "scenario" : name;
}

void check_repetitions(const Cells& cells, const Timing& base, Faults& faults) {
  std::uint64_t repetitions = 0;
  for (std::size_t i = 0; i < cells.size(); ++i) repetitions += cells.timing(i).most_repetitions();
  if (repetitions <= kMaxRepetitions) return;
  faults.add(
      {"/timing/repetitions",
       fmt::format("{} repetitions in all, {} of a cell", repetitions, base.most_repetitions()),
       fmt::format("at most {} over all cells", kMaxRepetitions), ""});
}

Campaign read_campaign(const json& document, std::optional<std::string> profile, Faults& faults) {
  Campaign campaign;
  read_scenario(document, faults, campaign.base);
  campaign.base.profile = std::move(profile);
  check_names(campaign.base, faults);
  check_clients(campaign.base, faults);
  auto [axes, exclusions, makes_cells] = read_axes(document, faults);
  check_against(campaign.base, axes, faults);
  const auto known = faults.kept();
  for (const auto& axis : axes) campaign.sweep.push_back(plain(axis));
  // Axes that contradict each other, or are too many, have no cells to leave out.
  if (!makes_cells) exclusions.clear();
  const auto swept =
      std::make_shared<SweptCells>(document, campaign.base, std::move(axes), exclusions);
  if (makes_cells && faults.empty() && swept->size() == 0) {
    faults.add({"/exclude", "every cell", "exclusions that leave a cell", ""});
  } else if (makes_cells) {
    swept->check(known, faults);
  }
  campaign.cells = Cells(swept);
  if (faults.empty()) check_repetitions(campaign.cells, campaign.base.timing, faults);
  campaign.resolved_json = document.dump(-1, ' ', false, json::error_handler_t::replace);
  campaign.hash = fingerprint(campaign.resolved_json);
  return campaign;
}

}  // namespace

Override parse_override(std::string_view text) {
  const auto equals = text.find('=');
  if (equals == std::string_view::npos || !tokens_of(text.substr(0, equals))) {
    throw Error(ErrorKind::usage, fmt::format("read the setting {}", shown_text(text)),
                R"(expected POINTER=VALUE, such as "/timing/measure=2s")");
  }
  return {std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

ParsedCampaign parse_scenario(std::string_view text, std::string_view name,
                              const ScenarioOptions& options) {
  Faults faults;
  auto document = parse_document(text, kRules, faults);
  if (document && !document->is_object()) faults.add({"", shown(*document), "an object", ""});
  // Without the document itself nothing more can be said of it.
  if (!document || !document->is_object()) return {std::nullopt, faults.take()};
  const auto kept = apply_overrides(*document, options, faults);
  if (!document->contains("name")) (*document)["name"] = name_from(name);
  inline_payload_files(*document, options.profile_folders, faults);
  auto profile =
      merge_profiles(*document, options.profile_folders, kept, options.host_wide, faults);
  auto campaign = read_campaign(*document, std::move(profile), faults);
  if (!faults.empty()) return {std::nullopt, faults.take()};
  return {std::move(campaign), {}};
}

Campaign load_scenario(const std::filesystem::path& path, const ScenarioOptions& options) {
  std::string text;
  try {
    text = read_file(path, kRules.max_bytes);
  } catch (const Error& error) {
    throw Error(ErrorKind::usage, "read the scenario", error.what());
  }
  auto parsed = parse_scenario(text, path.stem().string(), options);
  if (parsed.campaign) return std::move(*parsed.campaign);
  std::string list;
  for (const auto& fault : parsed.faults) list += "\n  " + to_text(fault);
  throw Error(ErrorKind::usage, fmt::format("read the scenario {}", path.string()),
              fmt::format("{} {}:{}", parsed.faults.size(),
                          parsed.faults.size() == 1 ? "fault" : "faults", list));
}

}  // namespace netstall
