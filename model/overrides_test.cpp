#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;

ParsedCampaign parse(std::string_view sweep, const ScenarioOptions& options) {
  std::string text = R"({
    "schema": 1, "name": "s", "lab": { "link": { "mtu": 1500 } },
    "flows": [ { "name": "fast", "connections": 9, "socket": { "sndbuf": "64KiB" } }, { "name": "slow" } ],
    "sweep": %SWEEP%
  })";
  text.replace(text.find("%SWEEP%"), 7, sweep);
  return parse_scenario(text, "s", options);
}

Campaign campaign_of(std::string_view sweep, const ScenarioOptions& options) {
  auto parsed = parse(sweep, options);
  for (const auto& fault : parsed.faults) ADD_FAILURE() << to_text(fault);
  return parsed.campaign.value_or(Campaign{});
}

std::vector<std::string> faults_of(std::string_view sweep, const ScenarioOptions& options) {
  std::vector<std::string> texts;
  for (const auto& fault : parse(sweep, options).faults) texts.push_back(to_text(fault));
  return texts;
}

TEST(Overrides, AreReadFromText) {
  EXPECT_EQ(parse_override("/timing/measure=2s").pointer, "/timing/measure");
  EXPECT_EQ(parse_override("/timing/measure=2s").value, "2s");
  EXPECT_EQ(parse_override("/sysctl/server/net.ipv4.x=a=b").value, "a=b");
  EXPECT_EQ(parse_override("/why=").value, "");
  for (const auto* text : {"", "x=1", "/x", "=1", "/a~x=1"})
    EXPECT_ANY_THROW(parse_override(text)) << text;
}

TEST(Overrides, AreJsonOrABareWord) {
  ScenarioOptions options;
  for (const auto* text :
       {"/timing/measure=2s", "/timing/repetitions=9", "/flows/0/socket/nodelay=true",
        "/flows/1/reader={\"rate\": \"1kB/s\"}", "/sysctl/client/net.ipv4.tcp_rmem=1 2 3",
        "/lab/link=null", "/why=\"quoted\"", "/flows/0/io=nonblocking", "/flows/0/io=blocking"}) {
    options.overrides.push_back(parse_override(text));
  }
  const auto base = campaign_of("{}", options).base;
  EXPECT_EQ(base.timing.measure, std::chrono::seconds(2));
  EXPECT_EQ(base.timing.repetitions, 9U);
  EXPECT_EQ(base.flows[0].socket.nodelay, true);
  EXPECT_EQ(base.flows[0].socket.sndbuf->count, 65536U);
  EXPECT_EQ(base.flows[1].reader.bytes_per_s, 1000);
  EXPECT_EQ(base.sysctl.side.client.at("net.ipv4.tcp_rmem"), "1 2 3");
  EXPECT_FALSE(base.lab.link.mtu);
  EXPECT_EQ(base.why, "quoted");
  EXPECT_EQ(base.flows[0].io, Io::blocking);
}

TEST(Overrides, CanTakeTheSweepAway) {
  ScenarioOptions options;
  options.overrides.push_back(parse_override("/sweep=null"));
  options.overrides.push_back(parse_override("/flows/0/connections=5"));
  const auto campaign = campaign_of(R"({"/flows/0/connections": [1, 2]})", options);
  EXPECT_EQ(campaign.cells.size(), 1U);
  EXPECT_EQ(campaign.base.flows[0].connections, 5U);
}

TEST(Overrides, HaveFaultsOfTheirOwn) {
  const std::vector<std::pair<std::string, std::string>> kCases{
      {"/flows/0/conections=3",
       "/flows/0/conections: found an unknown key, given with --set; expected one of name, "
       "connections, sender, "
       "pattern, io, family, payload, pace, response, pipeline, think, multicast, closes, "
       "acknowledge, reader, "
       "socket; did you "
       "mean \"connections\"?"},
      {"/flows/7/io=blocking",
       "/flows/7/io: found no entry 7 in a list of 2; expected a place that the scenario has"},
      {"/flows/7=null",
       "/flows/7: found no entry 7 in a list of 2; expected a place that the scenario has"},
      {"/flows/1/payload={\"rate\"",
       "/flows/1/payload: found a syntax error at line 1, column 8 (unexpected end of input) in "
       "\"{\\\"rate\\\"\"; "
       "expected a JSON value or a bare word"},
      {"/flows/0/connections=10",
       "/flows/0/connections: found a value given with --set or --profile for what is swept; "
       "expected a place that "
       "the sweep over /flows/0/connections does not change"},
      {"/flows/0={\"name\": \"fast\"}",
       "/flows/0: found a value given with --set or --profile for what is swept; expected a place "
       "that the sweep "
       "over /flows/0/connections does not change"},
      {"/flows/1/reader/rate=1kB/s",
       "/flows/1/reader/rate: found a value given with --set or --profile for what is swept; "
       "expected a place that "
       "the sweep over /flows/1/reader does not change"},
      {"/timing/repetitions=many",
       "/timing/repetitions: found \"many\"; expected a whole number from 1 to 1000"},
  };
  for (const auto& [text, fault] : kCases) {
    ScenarioOptions options;
    options.overrides.push_back(parse_override(text));
    EXPECT_THAT(faults_of(R"({"/flows/0/connections": [1, 2],
                              "case": [{"label": "a", "set": {"/flows/1/reader": {"rate": "1kB/s"}}}]})",
                          options),
                ElementsAre(fault))
        << text;
  }
}

}  // namespace
}  // namespace netstall
