// The registry of probes, and the page that is made from it.
#include "model/probes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Probes, EachSaysWhatItIs) {
  for (const auto& probe : probe_registry()) {
    SCOPED_TRACE(name_of(probe.id));
    EXPECT_EQ(&info_of(probe.id), &probe);
    EXPECT_FALSE(probe.answers.empty());
    EXPECT_FALSE(probe.unit.empty());
    EXPECT_FALSE(probe.why.empty());
    EXPECT_FALSE(probe.cost.empty());
    EXPECT_FALSE(probe.needs.empty());
    EXPECT_FALSE(probe.places.empty());
    for (const auto& rung : probe.ladder) EXPECT_FALSE(rung.how.empty());
    // What has no last rung says what is in its place.
    const auto last = probe.ladder.back().backend;
    EXPECT_EQ(probe.where_none.empty(),
              last == ProbeBackend::counter || last == ProbeBackend::own_clock);
  }
}

TEST(Probes, DocumentIsMadeFromTheRegistry) {
  const std::string path = NETSTALL_SOURCE_DIR "/docs/probes.md";
  if (std::getenv("NETSTALL_WRITE_DOCS") != nullptr) std::ofstream(path) << probes_markdown();
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  EXPECT_EQ(text.str(), probes_markdown())
      << "write it again: NETSTALL_WRITE_DOCS=1 model_unit_test --gtest_filter=Probes.Document*";
}

std::vector<ProbeId> probes_of(const std::string& list) {
  const auto text = R"({"schema": 1, "flows": [{"name": "a"}])" + list + "}";
  const auto parsed = parse_scenario(text, "test", {});
  EXPECT_TRUE(parsed.campaign) << (parsed.faults.empty() ? "" : to_text(parsed.faults[0]));
  return parsed.campaign ? parsed.campaign->cells[0].scenario.probes : std::vector<ProbeId>{};
}

TEST(Probes, AScenarioChoosesThem) {
  EXPECT_EQ(probes_of(""), default_probes());
  // Nothing else costs anything, nor is in a report, that nobody has asked for.
  EXPECT_THAT(default_probes(), ElementsAre(ProbeId::send_wait));
  EXPECT_THAT(probes_of(R"(, "probes": ["qdisc_drops", "send_wait"])"),
              ElementsAre(ProbeId::qdisc_drops, ProbeId::send_wait));
  EXPECT_TRUE(probes_of(R"(, "probes": [])").empty());
  EXPECT_THAT(probes_of(R"(, "sweep": {"/probes": [["drops"], null]})"),
              ElementsAre(ProbeId::drops));
}

TEST(Probes, AWrongOneIsNamed) {
  const auto parsed = parse_scenario(
      R"({"schema": 1, "flows": [{"name": "a"}], "probes": ["drop", "drops", "drops"]})", "t", {});
  ASSERT_EQ(parsed.faults.size(), 2U);
  EXPECT_EQ(parsed.faults[0].pointer, "/probes/0");
  EXPECT_EQ(parsed.faults[0].nearest, "drops");
  EXPECT_EQ(parsed.faults[1].pointer, "/probes/2");
  EXPECT_THAT(parsed.faults[1].found, HasSubstr("second time"));
}

}  // namespace
}  // namespace netstall
