// The parser and the JSON Schema of scenarios say the same: same keys, and the same
// answer to a corpus of good and bad scenarios. tests/schema tries the schema.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/file.hpp"
#include "model/key_tree.hpp"
#include "model/plan.hpp"
#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using nlohmann::json;

const std::filesystem::path kSource = NETSTALL_SOURCE_DIR;

json json_of(const char* file) {
  return json::parse(read_file(kSource / file), nullptr, true, true);
}

const json& resolved(const json& schema, const json& node) {
  if (!node.contains("$ref")) return node;
  return schema[json::json_pointer(node["$ref"].get<std::string>().substr(1))];
}

// Compares one object of the schema with the keys that the parser knows there.
void compare(const json& schema, const json& node, const KnownKey& known,
             const std::string& place) {
  const auto& object = resolved(schema, node);
  EXPECT_EQ(object.value("additionalProperties", true), false) << place;
  std::set<std::string> in_schema;
  for (const auto& [key, value] : object["properties"].items()) in_schema.insert(key);
  std::set<std::string> in_parser;
  std::set<std::string> required;
  for (const auto& key : known.keys) {
    in_parser.emplace(key.name);
    if (key.required) required.emplace(key.name);
  }
  EXPECT_EQ(in_schema, in_parser) << place;
  EXPECT_EQ(object.value("required", std::set<std::string>()), required) << place;
  for (const auto& key : known.keys) {
    const std::string name(key.name);
    const auto& property = resolved(schema, object["properties"][name]);
    const auto here = fmt::format("{}/{}", place, name);
    switch (key.holds) {
      case KnownKey::Holds::object:
        compare(schema, property, key, here);
        break;
      case KnownKey::Holds::list:
        EXPECT_EQ(property["type"], "array") << here;
        compare(schema, property["items"], key, here + "/*");
        break;
      case KnownKey::Holds::sysctls:
        EXPECT_TRUE(property.contains("propertyNames")) << here;
        break;
      case KnownKey::Holds::value:
      case KnownKey::Holds::anything:
        EXPECT_FALSE(property.contains("properties")) << here;
        break;
    }
  }
}

TEST(ScenarioSchema, KnowsTheKeysThatTheParserKnows) {
  const auto schema = json_of("scenarios/scenario.schema.json");
  compare(schema, schema, scenario_key_tree(), "");
}

class ScenarioCorpus : public testing::Test {
 protected:
  json corpus_ = json_of("tests/schema/corpus.json");

  std::size_t faults_of(const json& one) {
    auto scenario = corpus_["base"];
    for (const auto& [pointer, value] : one["set"].items())
      scenario[json::json_pointer(pointer)] = value;
    return parse_scenario(scenario.dump(), "corpus", {}).faults.size();
  }
};

TEST_F(ScenarioCorpus, GoodOnesAreAccepted) {
  EXPECT_EQ(faults_of({{"set", json::object()}}), 0U);
  EXPECT_GT(corpus_["accepted"].size(), 15U);
  for (const auto& one : corpus_["accepted"]) EXPECT_EQ(faults_of(one), 0U) << one["what"];
}

TEST_F(ScenarioCorpus, BadOnesAreRefused) {
  EXPECT_GT(corpus_["refused"].size(), 75U);
  for (const auto* kind : {"refused", "refused_by_the_parser_alone"}) {
    for (const auto& one : corpus_[kind]) EXPECT_GT(faults_of(one), 0U) << one["what"];
  }
}

std::vector<std::filesystem::path> shipped_scenarios() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kSource / "scenarios")) {
    const auto name = entry.path().filename().string();
    if (name.ends_with(".json") && !name.ends_with(".schema.json")) paths.push_back(entry.path());
  }
  return paths;
}

// On a small machine, but for those of a million connections.
TEST(ShippedScenarios, CanBePlanned) {
  ScenarioOptions options;
  options.profile_folders = {kSource / "scenarios"};
  const auto paths = shipped_scenarios();
  EXPECT_GE(paths.size(), 2U);
  for (const auto& path : paths) {
    const auto campaign = load_scenario(path, options);
    EXPECT_EQ(campaign.base.name, path.stem().string());
    EXPECT_NE(campaign.base.why, "") << path;
    Limits limits;
    if (path.stem().string().starts_with("c1m-")) {
      EXPECT_THROW(make_plan(campaign, limits, 1), Error) << path;
      limits.memory_bytes = std::uint64_t{24} << 30U;
    }
    EXPECT_EQ(make_plan(campaign, limits, 1).assignments.size(), campaign.cells.size());
    const auto resolved = parse_scenario(campaign.resolved_json, "resolved", {});
    ASSERT_TRUE(resolved.campaign) << path;
    EXPECT_EQ(resolved.campaign->hash, campaign.hash);
  }
}

TEST(ShippedScenarios, QuickstartHasThreeCellsInFortyFiveSeconds) {
  const auto campaign = load_scenario(kSource / "scenarios/quickstart.json", {});
  std::vector<std::string> ids;
  for (const auto& cell : campaign.cells) ids.push_back(cell.id);
  EXPECT_THAT(ids,
              testing::ElementsAre("case=fast-readers", "case=slow-readers", "case=memory-limit"));
  EXPECT_LE(make_plan(campaign, Limits{}, 1).budget.duration, std::chrono::seconds(45));
  EXPECT_TRUE(campaign.cells[2].scenario.lab.tcp_memory_limit.server);
  EXPECT_TRUE(campaign.cells[2].scenario.flows[0].socket.sndbuf);
}

}  // namespace
}  // namespace netstall
