#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

constexpr std::string_view kBase = R"({
  "schema": 1, "name": "s",
  "lab": { "link": { "mtu": 1500 } },
  "sysctl": { "server": { "net.ipv4.tcp_wmem": "4096 16384 4194304" } },
  "flows": [ { "name": "fast", "connections": 9, "socket": { "sndbuf": "64KiB" } },
             { "name": "slow", "connections": 1, "payload": { "fixed": 1000 } } ],
  "timing": { "measure": "1s", "repetitions": 2 },
  "expect": [ { "flow": "slow", "metric": "m", "at_most": 1 } ],
  "sweep": %SWEEP%
})";

ParsedCampaign parse(std::string_view sweep, const ScenarioOptions& options = {}) {
  std::string text(kBase);
  text.replace(text.find("%SWEEP%"), 7, sweep);
  return parse_scenario(text, "s", options);
}

Campaign campaign_of(std::string_view sweep, const ScenarioOptions& options = {}) {
  auto parsed = parse(sweep, options);
  for (const auto& fault : parsed.faults) ADD_FAILURE() << to_text(fault);
  return parsed.campaign.value_or(Campaign{});
}

std::vector<std::string> faults_of(std::string_view sweep, const ScenarioOptions& options = {}) {
  std::vector<std::string> texts;
  for (const auto& fault : parse(sweep, options).faults) texts.push_back(to_text(fault));
  return texts;
}

std::vector<std::string> ids_of(const Campaign& campaign) {
  std::vector<std::string> ids;
  for (const auto& cell : campaign.cells) ids.push_back(cell.id);
  return ids;
}

TEST(Sweep, PointerAxesMultiply) {
  const auto campaign = campaign_of(R"({"/flows/0/socket/sndbuf": ["64KiB", null],
                                       "/sysctl/server/net.ipv4.tcp_wmem": ["4096 16384 4194304", "4096 65536 16777216"]})");
  EXPECT_THAT(ids_of(campaign), ElementsAre("sndbuf=64KiB,net.ipv4.tcp_wmem=4096-16384-4194304",
                                            "sndbuf=64KiB,net.ipv4.tcp_wmem=4096-65536-16777216",
                                            "sndbuf=absent,net.ipv4.tcp_wmem=4096-16384-4194304",
                                            "sndbuf=absent,net.ipv4.tcp_wmem=4096-65536-16777216"));
  const auto cell = campaign.cells[3];
  EXPECT_THAT(cell.parameters, UnorderedElementsAre(Pair("/flows/0/socket/sndbuf", "absent"),
                                                    Pair("/sysctl/server/net.ipv4.tcp_wmem",
                                                         "4096 65536 16777216")));
  EXPECT_FALSE(cell.scenario.flows[0].socket.sndbuf);
  EXPECT_EQ(cell.scenario.sysctl.side.server.at("net.ipv4.tcp_wmem"), "4096 65536 16777216");
  EXPECT_EQ(campaign.cells[0].scenario.flows[0].socket.sndbuf->count, 65536U);
  EXPECT_EQ(campaign.base.flows[0].socket.sndbuf->count, 65536U);
}

TEST(Sweep, ClientsShapeACell) {
  const auto campaign = campaign_of(R"({"/lab/clients": [1, 4], "/timing/measure": ["1s", "2s"]})");
  EXPECT_EQ(campaign.cells[2].scenario.lab.clients, 4U);
  EXPECT_NE(campaign.cells.shape(0), campaign.cells.shape(2));
  EXPECT_EQ(campaign.cells.shape(2), campaign.cells.shape(3));
}

TEST(Sweep, ClientsOfACellAreHeldAgainstItsFlows) {
  EXPECT_THAT(faults_of(R"({"/lab/clients": [1, 10, 11]})"),
              ElementsAre("/sweep/~1lab~1clients/2: found 11 with 10 connections; expected at most "
                          "as many as there are connections: each client has one"));
  EXPECT_THAT(faults_of(R"({"/lab/clients": [1, 3], "/flows/0/connections": [9, 1]})"),
              ElementsAre(HasSubstr("found 3 with 2 connections")));
  EXPECT_THAT(faults_of(R"({"case": [{"label": "a", "set": {"/lab": {"clients": 2}}}],
                    "/flows/0/pattern": ["udp-stream", "multicast"]})"),
              ElementsAre(HasSubstr("found multicast with 2 clients")));
}

TEST(Sweep, NamedAxisSetsSeveralPlaces) {
  const auto campaign = campaign_of(R"({"case": [
      {"label": "plain", "set": {}},
      {"label": "slow", "set": {"/flows/1/reader": {"rate": "64kB/s", "chunk": "4KiB"}, "/flows/1/io": "blocking"}},
      {"label": "memory", "set": {"/lab/tcp_memory_limit/server": "1MiB", "/flows/0/socket/sndbuf": null}}]})");
  EXPECT_THAT(ids_of(campaign), ElementsAre("case=plain", "case=slow", "case=memory"));
  const auto slow = campaign.cells[1].scenario;
  EXPECT_EQ(slow.flows[1].reader.bytes_per_s, 64000);
  EXPECT_EQ(slow.flows[1].io, Io::blocking);
  EXPECT_EQ(slow.flows[1].payload.fixed.count, 1000U);
  EXPECT_FALSE(slow.lab.tcp_memory_limit.server);
  const auto memory = campaign.cells[2].scenario;
  EXPECT_EQ(memory.lab.tcp_memory_limit.server->count, 1U << 20);
  EXPECT_EQ(memory.lab.link.mtu, 1500U);
  EXPECT_FALSE(memory.flows[0].socket.sndbuf);
  EXPECT_FALSE(memory.flows[1].reader.bytes_per_s);
}

TEST(Sweep, ZippedListsMoveTogether) {
  const auto campaign = campaign_of(R"({"buffers": {"zip": {
      "/flows/0/socket/sndbuf": ["64KiB", "256KiB", null], "/flows/1/connections": [1, 2, 3]}},
      "/timing/repetitions": [1, 2]})");
  EXPECT_THAT(ids_of(campaign),
              ElementsAre("repetitions=1,buffers=64KiB+1", "repetitions=1,buffers=256KiB+2",
                          "repetitions=1,buffers=absent+3", "repetitions=2,buffers=64KiB+1",
                          "repetitions=2,buffers=256KiB+2", "repetitions=2,buffers=absent+3"));
  const auto cell = campaign.cells[4];
  EXPECT_THAT(cell.parameters,
              UnorderedElementsAre(Pair("/timing/repetitions", "2"), Pair("buffers", "256KiB+2")));
  EXPECT_EQ(cell.scenario.flows[0].socket.sndbuf->count, 256U << 10);
  EXPECT_EQ(cell.scenario.flows[1].connections, 2U);
  EXPECT_FALSE(campaign.cells[5].scenario.flows[0].socket.sndbuf);
}

TEST(Sweep, FaultsOfAZipAreAtTheirLists) {
  EXPECT_THAT(
      faults_of(R"({"z": {"zip": {"/flows/0/connections": [1, 2], "/timing/measure": ["1s"]}}})"),
      ElementsAre("/sweep/z/zip/~1timing~1measure: found a list of 1; expected one of 2, as "
                  "the zip's first list is"));
  EXPECT_THAT(faults_of(R"({"z": {"zip": {"/flows/0/conections": [1]}}})"),
              ElementsAre(HasSubstr("/sweep/z/zip/~1flows~10~1conections: found an unknown key")));
  EXPECT_THAT(faults_of(R"({"z": {"zip": {"/flows/0/connections": [1, 0]}}})"),
              ElementsAre(HasSubstr("/sweep/z/zip/~1flows~10~1connections/1: found 0")));
  EXPECT_THAT(faults_of(R"({"z": {"zip": {"/profile": ["a.conf"]}}})"),
              ElementsAre(HasSubstr("a profile in a zip")));
  EXPECT_THAT(faults_of(R"({"z": {"zip": {"/timing/measure": ["1s"]}}, "/timing": [null]})"),
              ElementsAre(HasSubstr("a change of")));
}

ParsedCampaign parse_excluding(std::string_view sweep, std::string_view exclude) {
  std::string text(kBase);
  text.replace(text.find("%SWEEP%"), 7, sweep);
  text.insert(text.rfind('}'), fmt::format(R"(, "exclude": {})", exclude));
  return parse_scenario(text, "s", {});
}

TEST(Sweep, ExcludedCellsAreLeftOut) {
  constexpr auto kSweep = R"({"/flows/0/connections": [1, 10, 100], "/flows/1/connections": [5, 6],
      "case": [{"label": "a", "set": {}}, {"label": "b", "set": {"/timing/measure": "2s"}}]})";
  const auto parsed = parse_excluding(kSweep, R"([
      {"case": "b", "/flows/0/connections": [1, 100]}, {"/flows/1/connections": 6}])");
  ASSERT_TRUE(parsed.campaign);
  EXPECT_THAT(ids_of(*parsed.campaign),
              ElementsAre("flows.0.connections=1,flows.1.connections=5,case=a",
                          "flows.0.connections=10,flows.1.connections=5,case=a",
                          "flows.0.connections=10,flows.1.connections=5,case=b",
                          "flows.0.connections=100,flows.1.connections=5,case=a"));
  const auto& cells = parsed.campaign->cells;
  EXPECT_EQ(cells[3].scenario.flows[0].connections, 100U);
  EXPECT_EQ(cells.timing(2).measure, std::chrono::seconds(2));
  std::set<std::size_t> shapes;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    EXPECT_LT(cells.shape(i), cells.size());
    shapes.insert(cells.shape(i));
  }
  EXPECT_EQ(shapes.size(), 3U) << "the two cases of ten connections need the same workers";
}

TEST(Sweep, AZipIsExcludedByItsLabelOrByAPlaceOfIt) {
  constexpr auto kSweep = R"({"z": {"zip": {"/flows/0/connections": [1, 2, 3, 4],
                                            "/flows/1/connections": [4, 4, 5, 6]}}})";
  const auto parsed = parse_excluding(kSweep, R"([{"/flows/1/connections": 4}, {"z": "4+6"}])");
  ASSERT_TRUE(parsed.campaign);
  EXPECT_THAT(ids_of(*parsed.campaign), ElementsAre("z=3+5"));
}

TEST(Sweep, WhatOnlyAnExcludedCellHasIsNoFault) {
  constexpr auto kSweep = R"({"/flows/1/name": ["slow", "fast"], "/expect/0/flow": ["slow", "fast"],
                              "/flows/0/name": ["fast", "slow"]})";
  EXPECT_FALSE(parse_excluding(kSweep, "[]").campaign);
  EXPECT_TRUE(parse_excluding(kSweep, R"([{"/flows/1/name": "slow", "/flows/0/name": "slow"},
      {"/flows/1/name": "fast", "/flows/0/name": "fast"}])")
                  .campaign);
}

TEST(Sweep, ExclusionsThatMeanNothingAreFaults) {
  const auto faults = [](std::string_view exclude) {
    std::vector<std::string> texts;
    for (const auto& fault : parse_excluding(R"({"/flows/0/connections": [1, 2]})", exclude).faults)
      texts.push_back(to_text(fault));
    return texts;
  };
  EXPECT_THAT(faults(R"([{"/flows/0/conections": 1}])"),
              ElementsAre(HasSubstr("/exclude/0/~1flows~10~1conections: found no axis of this "
                                    "sweep; expected one of /flows/0/connections")));
  EXPECT_THAT(faults(R"([{"/flows/0/connections": [1, 3]}])"),
              ElementsAre(HasSubstr(
                  "/exclude/0/~1flows~10~1connections/1: found 3; expected one of 1, 2")));
  EXPECT_THAT(faults(R"([{"/flows/0/connections": [1, 2]}])"),
              ElementsAre(HasSubstr("/exclude: found every cell")));
  EXPECT_THAT(parse(R"({}, "exclude": [{"a": 1}])").faults, testing::SizeIs(1));
}

TEST(Sweep, AxesAreKeptAsText) {
  const auto campaign = campaign_of(R"({"/timing/measure": ["2s", null]})");
  ASSERT_EQ(campaign.sweep.size(), 1U);
  EXPECT_EQ(campaign.sweep[0].name, "/timing/measure");
  ASSERT_EQ(campaign.sweep[0].values.size(), 2U);
  EXPECT_EQ(campaign.sweep[0].values[0].label, "2s");
  EXPECT_EQ(campaign.sweep[0].values[0].set.at("/timing/measure"), "\"2s\"");
  EXPECT_EQ(campaign.sweep[0].values[1].set.at("/timing/measure"), std::nullopt);
}

TEST(Sweep, EveryPartOfTheScenarioCanBeSwept) {
  const auto whole = campaign_of(
      R"({"/flows/0": [{"name": "other"}], "/lab": [null], "/timing": [{"repetitions": 7}],
                                    "/expect": [[], null], "/sysctl/client": [{"net.ipv4.a": 1}]})");
  const auto scenario = whole.cells[0].scenario;
  EXPECT_EQ(scenario.flows[0].name, "other");
  EXPECT_EQ(scenario.flows[0].connections, 1U);
  EXPECT_FALSE(scenario.lab.link.mtu);
  EXPECT_EQ(scenario.timing.repetitions, 7U);
  EXPECT_EQ(scenario.timing.measure, Timing{}.measure);
  EXPECT_EQ(whole.cells.timing(0).repetitions, 7U);
  EXPECT_THAT(scenario.expect, IsEmpty());
  EXPECT_THAT(scenario.sysctl.side.client, ElementsAre(Pair("net.ipv4.a", "1")));
  EXPECT_THAT(scenario.sysctl.side.server,
              ElementsAre(Pair("net.ipv4.tcp_wmem", "4096 16384 4194304")));
  const auto flows = campaign_of(R"({"case": [{"label": "a", "set": {"/flows": [{"name": "slow"}]}},
                                              {"label": "b", "set": {"/flows/0": null, "/flows/1/io": "blocking"}}]})");
  EXPECT_EQ(flows.cells[0].scenario.flows.size(), 1U);
  ASSERT_EQ(flows.cells[1].scenario.flows.size(), 1U);
  EXPECT_EQ(flows.cells[1].scenario.flows[0].name, "slow");
  EXPECT_EQ(flows.cells[1].scenario.flows[0].io, Io::blocking);
}

TEST(Sweep, AxesThatOnlyTogetherMakeSenseDo) {
  const auto campaign = campaign_of(
      R"({"/flows/0/pace/rate": ["64kB/s", "5/s"], "/flows/0/pace/arrival": ["constant"],
                                        "/flows/0/payload/fixed": [1000, 2000]})");
  std::vector<double> rates;
  for (const auto& cell : campaign.cells)
    rates.push_back(cell.scenario.flows[0].pace->messages_per_s);
  EXPECT_THAT(rates, UnorderedElementsAre(64, 32, 5, 5));
}

TEST(Sweep, LabelsAreShortAndTellValuesApart) {
  const auto a = std::string(100, 'a');
  const auto campaign = campaign_of(
      fmt::format(R"({{"/sysctl/server/net.ipv4.x": [1, "64KiB", "4096 16384", "{0}b", "{0}c"],
                                   "/flows/0/reader": [{{"rate": "64kB/s", "chunk": 4096}}, null]}})",
                  a));
  std::vector<std::string> labels;
  for (const auto& axis : campaign.sweep) {
    for (const auto& value : axis.values) labels.push_back(value.label);
  }
  ASSERT_EQ(labels.size(), 7U);
  EXPECT_EQ(labels[0], "{chunk:4096,rate:64kB/s}");
  EXPECT_EQ(labels[1], "absent");
  EXPECT_EQ(labels[2], "1");
  EXPECT_EQ(labels[3], "64KiB");
  EXPECT_EQ(labels[4], "4096 16384");
  EXPECT_NE(labels[5], labels[6]);
  EXPECT_EQ(labels[5].size(), 48U);
  EXPECT_EQ(labels[5].substr(0, 40), a.substr(0, 39) + "~");
}

TEST(Sweep, IdsStayApart) {
  const auto a = std::string(100, 'a');
  const auto campaign = campaign_of(fmt::format(
      R"({{"/sysctl/server/net.ipv4.x": [1, "a/b", "a=b", "a,b", "{0}b", "{0}c"],
          "/sysctl/client/net.ipv4.x": [null], "/flows/0/reader": [{{"rate": "64kB/s"}}, null]}})",
      a));
  std::set<std::string> ids;
  for (const auto& id : ids_of(campaign)) {
    EXPECT_TRUE(ids.insert(id).second) << id;
    EXPECT_LT(id.size(), 200U);
  }
  EXPECT_EQ(ids.size(), 12U);
  EXPECT_THAT(
      ids, testing::Contains(
               "reader=rate:64kB_s,sysctl.client.net.ipv4.x=absent,sysctl.server.net.ipv4.x=a_b"));
}

TEST(Sweep, ShapesTellWhichCellsNeedOtherWorkers) {
  const auto campaign =
      campaign_of(R"({"/flows/0/connections": [1, 2], "/lab/link/mtu": [1500, 9000],
                                        "/sysctl/client/net.ipv4.ip_local_port_range": ["1 2", "3 4"]})");
  ASSERT_EQ(campaign.cells.size(), 8U);
  std::set<std::size_t> shapes;
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_LT(campaign.cells.shape(i), 8U);
    shapes.insert(campaign.cells.shape(i));
    for (std::size_t j = 0; j < 8; ++j) {
      const auto a = campaign.cells[i].scenario;
      const auto b = campaign.cells[j].scenario;
      const bool same = a.flows[0].connections == b.flows[0].connections &&
                        a.sysctl.side.client == b.sysctl.side.client;
      EXPECT_EQ(campaign.cells.shape(i) == campaign.cells.shape(j), same);
    }
  }
  EXPECT_EQ(shapes.size(), 4U);
}

TEST(Sweep, ExpectationsAgainstAnotherCellNameItsLabels) {
  ScenarioOptions options;
  options.overrides = {{"/expect/0", R"({"metric": "m", "at_most": 1.5,
      "against": {"case": "a", "/flows/0/socket/sndbuf": null}})"}};
  const auto* sweep = R"({"/flows/0/socket/sndbuf": ["64KiB", null],
                          "case": [{"label": "a", "set": {}}, {"label": "b", "set": {}}]})";
  const auto expect = campaign_of(sweep, options).base.expect;
  ASSERT_EQ(expect.size(), 1U);
  EXPECT_EQ(expect[0].at_most, 1.5);
  EXPECT_THAT(expect[0].against,
              UnorderedElementsAre(Pair("case", "a"), Pair("/flows/0/socket/sndbuf", "absent")));
  options.overrides[0].value = R"({"metric": "m", "at_most": 1, "against": {"cse": "a"}})";
  EXPECT_THAT(faults_of(sweep, options),
              ElementsAre("/expect/0/against/cse: found an axis that is not swept; expected an "
                          "axis: /flows/0/socket/sndbuf, case; did you mean \"case\"?"));
  options.overrides[0].value = R"({"metric": "m", "at_most": 1, "against": {"case": "c"}})";
  EXPECT_THAT(
      faults_of(sweep, options),
      ElementsAre(HasSubstr("/expect/0/against/case: found \"c\"; expected a label: a, b")));
  EXPECT_THAT(faults_of("{}", options), ElementsAre(HasSubstr("a sweep with other cells")));
  // Also one that the sweep itself brings.
  EXPECT_THAT(faults_of(R"({"case": [{"label": "a", "set": {"/expect": [
          {"metric": "m", "at_most": 1, "against": {"case": "z"}}]}}]})"),
              ElementsAre(HasSubstr("/sweep/case/0/set/~1expect/0/against/case: found \"z\"")));
}

TEST(Sweep, FaultsCarryThePlaceInTheSweep) {
  const std::vector<std::pair<std::string, std::string>> kCases{
      {R"({"/flows/0/connections": [1, 0]})",
       "/sweep/~1flows~10~1connections/1: found 0; expected a whole number from 1 to 4000000"},
      {R"({"/flows/0/reader": [null, {"rat": 1}]})",
       R"(/sweep/~1flows~10~1reader/1/rat: found an unknown key; expected one of io, rate, rate_sigma, chunk, stop_after, freeze, share; did you mean "rate"?)"},
      {R"({"/flows/0/conections": [null]})",
       "/sweep/~1flows~10~1conections: found an unknown key at /flows/0/conections; expected one "
       "of name, connections, "
       "sender, pattern, io, family, payload, pace, response, pipeline, think, multicast, closes, "
       "acknowledge, "
       "reader, "
       "socket; did "
       "you mean \"connections\"?"},
      {R"({"/sysctl/sever/net.ipv4.tcp_wmem": ["x"]})",
       R"(/sweep/~1sysctl~1sever~1net.ipv4.tcp_wmem: found an unknown key at /sysctl/sever; expected one of client, server, host, window, optional; did you mean "server"?)"},
      {R"({"/sysctl/server/tcp_wmem": ["x"]})",
       R"(/sweep/~1sysctl~1server~1tcp_wmem: found the name "tcp_wmem" at /sysctl/server/tcp_wmem; expected a name as "net.ipv4.tcp_rmem"; sysctls outside net. belong to "host")"},
      {R"({"/timing/measure/x": [1]})",
       "/sweep/~1timing~1measure~1x: found a key within a single value at /timing/measure/x; "
       "expected "
       "/timing/measure and no more"},
      {R"({"/flows/first/io": [1]})",
       R"(/sweep/~1flows~1first~1io: found "first" at /flows/first; expected the number of an entry, from 0)"},
      {R"({"/flows/00/io": [1]})",
       R"(/sweep/~1flows~100~1io: found "00" at /flows/00; expected the number of an entry, from 0)"},
      {R"({"/flows/2/io": ["blocking"]})",
       "/sweep/~1flows~12~1io/0: found no entry 2 in a list of 2; expected a place that the "
       "scenario has"},
      {R"({"/flows/2": [null]})",
       "/sweep/~1flows~12/0: found no entry 2 in a list of 2; expected a place that the scenario "
       "has"},
      {R"({"/expect/1/metric": ["x"]})",
       "/sweep/~1expect~11~1metric/0: found no entry 1 in a list of 1; expected a place that the "
       "scenario has"},
      {R"({"/name": ["x"]})",
       R"(/sweep/~1name: found an axis over "name"; expected a place in lab, profile, sysctl, flows, timing or expect)"},
      {R"({"/a~2": ["x"]})",
       R"(/sweep/~1a~02: found "/a~2"; expected a JSON pointer, as "/flows/0/connections")"},
      {R"({"two words": [{"label": "a", "set": {}}]})",
       R"(/sweep/two words: found the name "two words"; expected a JSON pointer, as "/flows/0/connections", or a name for an axis of labelled or zipped settings)"},
      {R"({"/flows/0/io": []})",
       "/sweep/~1flows~10~1io: found an empty list; expected a list of at least one value"},
      {R"({"/flows/0/io": "blocking"})",
       R"(/sweep/~1flows~10~1io: found "blocking"; expected a list of at least one value)"},
      {R"({"/flows/0/connections": [1, 2, 1]})",
       R"(/sweep/~1flows~10~1connections/2: found "1" for a second time; expected each value of an axis once)"},
      {R"({"case": [{"label": "a", "set": {}}, {"label": "a", "set": {}}]})",
       R"(/sweep/case/1: found "a" for a second time; expected each value of an axis once)"},
      {R"({"case": ["blocking"]})",
       R"(/sweep/case/0: found "blocking"; expected {"label": a name, "set": {pointer: value}})"},
      {R"({"case": [{"set": {}}]})",
       "/sweep/case/0/label: found nothing; expected a name of 1 to 64 letters, digits, '_', '.' "
       "or '-'"},
      {R"({"case": [{"label": "a b", "set": {}}]})",
       R"(/sweep/case/0/label: found "a b"; expected a name of 1 to 64 letters, digits, '_', '.' or '-')"},
      {R"({"case": [{"label": "a"}]})",
       "/sweep/case/0/set: found nothing; expected an object of JSON pointers and values"},
      {R"({"case": [{"label": "a", "set": {}, "sets": 1}]})",
       "/sweep/case/0/sets: found an unknown key; expected one of label, set"},
      {R"({"case": [{"label": "a", "set": {"flows": 1}}]})",
       R"(/sweep/case/0/set/flows: found "flows"; expected a JSON pointer, as "/flows/0/connections")"},
      {R"({"case": [{"label": "a", "set": {"/flows/0/io": "x"}}]})",
       R"(/sweep/case/0/set/~1flows~10~1io: found "x"; expected "blocking" or "nonblocking" or "level-triggered" or "io-uring")"},
      {R"({"case": [{"label": "a", "set": {"/flows/0/pace/arrival": "constant"}}]})",
       "/sweep/case/0: found nothing at /flows/0/pace/rate; expected a rate above 0 in messages or "
       "bytes, such as "
       "\"200/s\", \"64kB/s\" or \"1gbit\""},
      {R"({"/flows/0/name": ["fast", "slow"]})",
       R"(/sweep/~1flows~10~1name/1: found "slow" at /flows/1/name; expected a name that no other flow group has)"},
      {R"({"/flows/1": [null]})",
       R"(/sweep/~1flows~11/0: found "slow" at /expect/0/flow; expected a flow group: fast)"},
      {R"({"/expect/0/flow": ["fast", "fats"]})",
       R"(/sweep/~1expect~10~1flow/1: found "fats"; expected a flow group: fast, slow; did you mean "fast"?)"},
      {R"({"/flows/0/socket": [null], "/flows/0/socket/sndbuf": [1]})",
       "/sweep/~1flows~10~1socket~1sndbuf/0: found a change of /flows/0/socket/sndbuf; expected a "
       "place that "
       "/sweep/~1flows~10~1socket/0 does not change"},
      {R"({"/flows/0/io": ["blocking"], "case": [{"label": "a", "set": {"/flows/0/io": "nonblocking"}}]})",
       "/sweep/case/0/set/~1flows~10~1io: found a change of /flows/0/io; expected a place that "
       "/sweep/~1flows~10~1io/0 does not change"},
      {R"({"case": [{"label": "a", "set": {"/flows/0": {"name": "f"}, "/flows/0/io": "nonblocking"}}]})",
       "/sweep/case/0/set/~1flows~10~1io: found a change of /flows/0/io; expected a place that "
       "/sweep/case/0/set/~1flows~10 does not change"},
  };
  for (const auto& [sweep, fault] : kCases)
    EXPECT_THAT(faults_of(sweep), ElementsAre(fault)) << sweep;
}

TEST(Sweep, FaultOfACombinationIsTheSweeps) {
  EXPECT_THAT(
      faults_of(R"({"/flows/0/pace/rate": ["1B/s"], "/flows/0/payload/fixed": [1, "1GiB"]})"),
      ElementsAre("/sweep/~1flows~10~1pace~1rate/0: found 9.313225746154785e-10 messages a second; "
                  "expected "
                  "1e-06 to 1000000000 messages a second on a connection"));
  EXPECT_THAT(
      faults_of(R"({"/flows/0/pace/arrival": ["constant"], "/flows/0/payload/fixed": [1]})"),
      ElementsAre(
          HasSubstr("/sweep: found nothing at /flows/0/pace/rate in a cell; expected a rate")));
}

TEST(Sweep, CellsAreCounted) {
  std::string ten = "[1,2,3,4,5,6,7,8,9,10]";
  std::string sweep = "{";
  for (int i = 0; i < 6; ++i)
    sweep += fmt::format(R"("/sysctl/server/net.ipv4.k{}": {}{})", i, ten, i < 5 ? "," : "}");
  EXPECT_THAT(faults_of(sweep),
              ElementsAre("/sweep: found 1000000 cells; expected at most 100000"));
  EXPECT_THAT(
      faults_of(R"({"/timing/repetitions": [1000], "/sysctl/server/net.ipv4.a": )" + ten +
                R"(, "/sysctl/server/net.ipv4.b": )" + ten + R"(, "/sysctl/server/net.ipv4.c": )" +
                ten + R"(, "/sysctl/server/net.ipv4.d": [1, 2]})"),
      ElementsAre(
          "/timing/repetitions: found 2000000 repetitions in all, 2 of a cell; expected at most "
          "1000000 over all cells"));
}

TEST(Sweep, FaultOfTheBaseIsNotSaidForEachCell) {
  const auto parsed = parse_scenario(R"({"schema": 1, "flows": [{"name": "f", "io": "x"}],
                                         "sweep": {"/flows/0/connections": [1, 2, 3]}})",
                                     "s", {});
  ASSERT_EQ(parsed.faults.size(), 1U);
  EXPECT_EQ(parsed.faults[0].pointer, "/flows/0/io");
}

TEST(Sweep, ManyFaultyCellsAreNotAllListed) {
  std::string values;
  for (int i = 0; i < 5000; ++i) values += fmt::format("{}{}", i == 0 ? "" : ",", 5'000'000 + i);
  EXPECT_EQ(faults_of("{\"/flows/0/connections\": [" + values + "]}").size(), 50U);
}

TEST(Sweep, HundredThousandCellsAreMadeOneByOne) {
  std::string values = "1";
  for (int i = 2; i <= 1000; ++i) values += fmt::format(",{}", i);
  const auto campaign = campaign_of(
      fmt::format(R"({{"/flows/0/connections": [{0}], "/sysctl/server/net.ipv4.x": [{1}]}})",
                  values, values.substr(0, 291)));
  ASSERT_EQ(campaign.cells.size(), 100'000U);
  const auto last = campaign.cells[99'999];
  EXPECT_EQ(last.id, "connections=1000,net.ipv4.x=100");
  EXPECT_EQ(last.scenario.flows[0].connections, 1000U);
}

}  // namespace
}  // namespace netstall
