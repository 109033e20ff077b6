#include "model/journal_lines.hpp"

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "model/json_text.hpp"

namespace netstall {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

constexpr std::string_view kResumption = R"({"resumed_at")";
constexpr const char* kForm = "netstall/journal/1";

[[noreturn]] void refuse(std::string_view why) {
  throw Error(ErrorKind::usage, "read a journal", why,
              "use the journal that a killed or interrupted run of this netstall left");
}

json object_of(std::string_view line) {
  auto object = json::parse(line, nullptr, false);
  if (!object.is_object()) refuse("its line is no JSON object");
  return object;
}

std::string text_at(const json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end() || !at->is_string()) refuse(std::string("it has no text \"") + key + "\"");
  return at->get<std::string>();
}

std::vector<std::uint32_t> cells_of(const json& object) {
  const auto at = object.find("cells");
  if (at == object.end() || !at->is_array()) refuse("it does not say which cells it is of");
  std::vector<std::uint32_t> cells;
  for (const auto& cell : *at) {
    if (!cell.is_number_unsigned()) refuse("it has a cell that is no number");
    cells.push_back(cell.get<std::uint32_t>());
  }
  return cells;
}

}  // namespace

std::string to_json_line(const JournalHead& head) {
  return one_line(ordered_json{{"journal", kForm},
                               {"scenario_hash", head.scenario_hash},
                               {"cells", head.cells},
                               {"seed", head.seed},
                               {"probes", name_of(head.probes)},
                               {"tool", head.tool},
                               {"kernel", head.kernel},
                               {"started_at", head.started_at}});
}

JournalHead journal_head_from_json_line(std::string_view line) {
  const auto object = object_of(line);
  if (text_at(object, "journal") != kForm) refuse(std::string("it is not of form ") + kForm);
  const auto seed = object.find("seed");
  if (seed == object.end() || !seed->is_number_unsigned()) refuse("it has no seed");
  const auto probes = named<ProbeMode>(text_at(object, "probes"));
  if (!probes) refuse("its choice of probes is none");
  return {text_at(object, "scenario_hash"), cells_of(object),
          seed->get<std::uint64_t>(),       *probes,
          text_at(object, "tool"),          text_at(object, "kernel"),
          text_at(object, "started_at")};
}

std::string to_json_line(const JournalResumption& resumption) {
  return one_line(ordered_json{{"resumed_at", resumption.resumed_at}});
}

std::optional<JournalResumption> journal_resumption_from_json_line(std::string_view line) {
  if (!line.starts_with(kResumption)) return std::nullopt;
  return JournalResumption{text_at(object_of(line), "resumed_at")};
}

}  // namespace netstall
