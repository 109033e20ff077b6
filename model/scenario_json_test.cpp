#include "model/scenario_json.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "base/error.hpp"
#include "base/file.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

Campaign campaign_of(std::string_view text, const ScenarioOptions& options = {}) {
  auto parsed = parse_scenario(text, "test", options);
  for (const auto& fault : parsed.faults) ADD_FAILURE() << to_text(fault);
  return parsed.campaign.value_or(Campaign{});
}

TEST(ScenarioJson, SmallestOneHasDefaults) {
  const auto campaign = campaign_of(R"({"schema": 1, "flows": [{"name": "f"}]})");
  const auto& base = campaign.base;
  EXPECT_EQ(base.name, "test");
  ASSERT_EQ(base.flows.size(), 1U);
  EXPECT_EQ(base.flows[0].connections, 1U);
  EXPECT_EQ(base.flows[0].sender, Side::client);
  EXPECT_EQ(base.flows[0].io, Io::nonblocking);
  EXPECT_EQ(base.flows[0].payload.fixed.count, 16384U);
  EXPECT_FALSE(base.flows[0].pace);
  EXPECT_EQ(base.timing.repetitions, 3U);
  ASSERT_EQ(campaign.cells.size(), 1U);
  EXPECT_EQ(campaign.cells[0].id, "base");
  EXPECT_THAT(campaign.cells[0].parameters, IsEmpty());
  EXPECT_EQ(campaign.cells[0].scenario.flows[0].name, "f");
}

constexpr std::string_view kWhole = R"(
// What a scenario can say.
{
  "schema": 1,
  "name": "slow-readers",
  "why": "One reader in ten takes 64 kB/s.", /* a question */
  "lab": { "link": { "mtu": 1500, "txqueuelen": 1000 }, "tcp_memory_limit": { "server": "64MiB", "client": 8192 } },
  "sysctl": { "server": { "net.ipv4.tcp_wmem": "4096\t16384  4194304", "net.ipv4.tcp_sack": 1 },
              "client": { "net.ipv4.tcp_rmem": " 4096 87380 6291456 " }, "host": { "net.ipv4.tcp_mem": "1 2 3" },
              "optional": [ "net.ipv4.tcp_sack" ] },
  "flows": [
    { "name": "fast", "connections": 900, "sender": "server", "pattern": "stream", "io": "nonblocking", "family": "ipv6",
      "payload": { "fixed": "16KiB" }, "pace": { "rate": "50/s", "arrival": "constant" },
      "socket": { "sndbuf": "64KiB", "rcvbuf": 4096, "nodelay": true } },
    { "name": "slow", "connections": 100, "sender": "server", "io": "blocking", "payload": { "fixed": 16000 },
      "pace": { "rate": "64kB/s" }, "reader": { "rate": "64kB/s", "chunk": "4KiB", "stop_after": "250ms" } }
  ],
  "timing": { "ramp": "2s", "warmup": "0s", "measure": "1.5s", "repetitions": 5 },
  "expect": [ { "flow": "fast", "metric": "stall.p99", "at_most": "10ms" },
              { "metric": "goodput_bytes_per_s", "at_least": "1MiB/s", "at_most": "1gbit" },
              { "metric": "messages", "at_least": 1.5 }, { "metric": "sndbuf", "at_most": "64KiB" },
              { "metric": "rate", "at_most": "2k/s" }, { "metric": "count", "at_most": "10" } ]
})";

TEST(ScenarioJson, EveryKeyArrives) {
  const auto campaign = campaign_of(kWhole);
  const auto& base = campaign.base;
  EXPECT_EQ(base.name, "slow-readers");
  EXPECT_EQ(base.why, "One reader in ten takes 64 kB/s.");
  EXPECT_EQ(base.lab.link.mtu, 1500U);
  EXPECT_EQ(base.lab.link.txqueuelen, 1000U);
  EXPECT_EQ(base.lab.tcp_memory_limit.server->count, 64U << 20);
  EXPECT_EQ(base.lab.tcp_memory_limit.client->count, 8192U);
  EXPECT_THAT(
      base.sysctl.side.server,
      ElementsAre(Pair("net.ipv4.tcp_sack", "1"), Pair("net.ipv4.tcp_wmem", "4096 16384 4194304")));
  EXPECT_THAT(base.sysctl.side.client,
              ElementsAre(Pair("net.ipv4.tcp_rmem", "4096 87380 6291456")));
  EXPECT_THAT(base.sysctl.host, ElementsAre(Pair("net.ipv4.tcp_mem", "1 2 3")));
  EXPECT_THAT(base.sysctl.optional, ElementsAre("net.ipv4.tcp_sack"));
  ASSERT_EQ(base.flows.size(), 2U);
  const auto& fast = base.flows[0];
  EXPECT_EQ(fast.name, "fast");
  EXPECT_EQ(fast.connections, 900U);
  EXPECT_EQ(fast.sender, Side::server);
  EXPECT_EQ(fast.pattern, Pattern::stream);
  EXPECT_EQ(fast.io, Io::nonblocking);
  EXPECT_EQ(fast.family, Family::ipv6);
  EXPECT_EQ(fast.payload.fixed.count, 16384U);
  EXPECT_EQ(fast.pace->messages_per_s, 50);
  EXPECT_EQ(fast.pace->arrival, Arrival::constant);
  EXPECT_EQ(fast.socket.sndbuf->count, 65536U);
  EXPECT_EQ(fast.socket.rcvbuf->count, 4096U);
  EXPECT_EQ(fast.socket.nodelay, true);
  const auto& slow = base.flows[1];
  EXPECT_EQ(slow.io, Io::blocking);
  EXPECT_EQ(slow.family, Family::ipv4);
  EXPECT_EQ(slow.pace->messages_per_s, 4);  // 64,000 B/s in messages of 16,000 B
  EXPECT_EQ(slow.reader.bytes_per_s, 64000);
  EXPECT_EQ(slow.reader.chunk->count, 4096U);
  EXPECT_EQ(slow.reader.stop_after, milliseconds(250));
  EXPECT_EQ(base.timing.ramp, seconds(2));
  EXPECT_EQ(base.timing.warmup, seconds(0));
  EXPECT_EQ(base.timing.measure, milliseconds(1500));
  EXPECT_EQ(base.timing.repetitions, 5U);
}

TEST(ScenarioJson, EveryKindOfLoadArrives) {
  const auto flows = campaign_of(R"({"schema": 1, "flows": [
    { "name": "mix", "connections": 10,
      "payload": { "weighted": [ { "size": "1KiB", "weight": 3 }, { "size": "5KiB", "weight": 1 } ] },
      "pace": { "rate": "2MiB/s", "per": "group", "arrival": "poisson", "burst": { "on": "10ms", "off": "90ms" },
                "schedule": [ { "at": "1s", "rate": "100/s" } ], "spin": "50us" },
      "reader": { "rate": "1MB/s", "rate_sigma": 0.5, "freeze": [ { "at": "1s", "for": "250ms" } ], "share": 0.1 },
      "socket": { "sndbuf": 5000, "force_buffers": true, "notsent_lowat": "16KiB", "congestion_control": "reno",
                  "user_timeout": "1500ms", "keepalive": { "idle": "10s", "interval": "2s", "probes": 3 },
                  "busy_poll": "50us", "dscp": 46, "priority": 5, "zerocopy": true } },
    { "name": "rpc", "pattern": "request-response", "payload": { "uniform": { "min": 10, "max": 20 } },
      "response": { "log_normal": { "median": "4KiB", "sigma": 1.5, "max": "1MiB" } }, "pipeline": 8, "think": "3ms" },
    { "name": "echo", "pattern": "request-response", "payload": { "pareto": { "min": 1, "shape": 1.2, "max": 100 } } },
    { "name": "both", "pattern": "duplex", "payload": { "sequence": [ 1, "2KiB" ] } },
    { "name": "held", "pattern": "idle" }, { "name": "told", "acknowledge": true },
    { "name": "calls", "pattern": "connect", "response": { "fixed": 5 }, "closes": "client", "socket": { "linger": "2s" } },
    { "name": "visits", "pattern": "connect" } ]})")
                         .base.flows;
  ASSERT_EQ(flows.size(), 8U);
  const auto& mix = flows[0];
  ASSERT_EQ(mix.payload.weighted.size(), 2U);
  EXPECT_EQ(mix.payload.weighted[1].size.count, 5120U);
  EXPECT_EQ(mix.payload.weighted[0].weight, 3);
  // 2 MiB/s in messages of 2 KiB in the mean, of ten connections.
  EXPECT_DOUBLE_EQ(mix.pace->messages_per_s, 102.4);
  EXPECT_EQ(mix.pace->arrival, Arrival::poisson);
  EXPECT_EQ(mix.pace->burst->on, milliseconds(10));
  EXPECT_EQ(mix.pace->burst->off, milliseconds(90));
  ASSERT_EQ(mix.pace->schedule.size(), 1U);
  EXPECT_EQ(mix.pace->schedule[0].at, seconds(1));
  EXPECT_EQ(mix.pace->schedule[0].messages_per_s, 10);
  EXPECT_EQ(mix.pace->spin, std::chrono::microseconds(50));
  EXPECT_EQ(mix.reader.rate_sigma, 0.5);
  EXPECT_EQ(mix.reader.freeze.at(0).lasting, milliseconds(250));
  EXPECT_EQ(mix.reader.share, 0.1);
  EXPECT_TRUE(mix.socket.force_buffers);
  EXPECT_EQ(mix.socket.notsent_lowat->count, 16384U);
  EXPECT_EQ(mix.socket.congestion_control, "reno");
  EXPECT_EQ(mix.socket.user_timeout, milliseconds(1500));
  EXPECT_EQ(mix.socket.keepalive->idle, seconds(10));
  EXPECT_EQ(mix.socket.keepalive->interval, seconds(2));
  EXPECT_EQ(mix.socket.keepalive->probes, 3U);
  EXPECT_EQ(mix.socket.busy_poll, std::chrono::microseconds(50));
  EXPECT_EQ(mix.socket.dscp, 46U);
  EXPECT_EQ(mix.socket.priority, 5U);
  EXPECT_TRUE(mix.socket.zerocopy);
  EXPECT_EQ(flows[1].pattern, Pattern::request_response);
  EXPECT_EQ(flows[1].payload.uniform->max.count, 20U);
  EXPECT_EQ(flows[1].response.log_normal->median.count, 4096U);
  EXPECT_EQ(flows[1].response.log_normal->min.count, 1U);
  EXPECT_EQ(flows[1].pipeline, 8U);
  EXPECT_EQ(flows[1].think, milliseconds(3));
  // A response is as a request where nothing is said of it.
  EXPECT_EQ(flows[2].response.pareto->shape, 1.2);
  EXPECT_EQ(flows[3].pattern, Pattern::duplex);
  EXPECT_EQ(flows[3].payload.sequence.at(1).count, 2048U);
  EXPECT_TRUE(flows[5].acknowledge);
  EXPECT_FALSE(flows[3].acknowledge);
  EXPECT_EQ(flows[6].pattern, Pattern::connect);
  EXPECT_EQ(flows[6].response.fixed.count, 5U);
  EXPECT_EQ(flows[6].closes, Side::client);
  EXPECT_EQ(flows[6].socket.linger, seconds(2));
  EXPECT_EQ(flows[7].closes, Side::server);
  EXPECT_FALSE(flows[7].socket.linger);
  EXPECT_EQ(flows[4].pattern, Pattern::idle);
}

TEST(ScenarioJson, ExpectationsAreInTheBaseUnit) {
  const auto expect = campaign_of(kWhole).base.expect;
  ASSERT_EQ(expect.size(), 6U);
  EXPECT_EQ(expect[0].flow, "fast");
  EXPECT_EQ(expect[0].metric, "stall.p99");
  EXPECT_EQ(expect[0].at_most, 10e6);
  EXPECT_EQ(expect[0].at_least, std::nullopt);
  EXPECT_EQ(expect[0].quantity, Quantity::duration);
  EXPECT_EQ(expect[1].flow, "");
  EXPECT_EQ(expect[1].at_least, 1048576);
  EXPECT_EQ(expect[1].at_most, 125e6);
  EXPECT_EQ(expect[1].quantity, Quantity::byte_rate);
  EXPECT_EQ(expect[2].at_least, 1.5);
  EXPECT_EQ(expect[2].quantity, Quantity::number);
  EXPECT_EQ(expect[3].at_most, 65536);
  EXPECT_EQ(expect[3].quantity, Quantity::bytes);
  EXPECT_EQ(expect[4].at_most, 2000);
  EXPECT_EQ(expect[4].quantity, Quantity::rate);
  EXPECT_EQ(expect[5].at_most, 10);
  EXPECT_EQ(expect[5].quantity, Quantity::number);
}

TEST(ScenarioJson, ResolvedTextIsCanonical) {
  const auto one = campaign_of(R"({"schema": 1, "flows": [{"name": "f", "io": "blocking"}]})");
  const auto other = campaign_of(
      "/* same */ {\"flows\": [{\"io\": \"blocking\", \"name\":\n\"f\"}], \"schema\": 1}");
  EXPECT_EQ(one.resolved_json,
            R"({"flows":[{"io":"blocking","name":"f"}],"name":"test","schema":1})");
  EXPECT_EQ(one.resolved_json, other.resolved_json);
  EXPECT_EQ(one.hash, other.hash);
  EXPECT_EQ(one.hash.size(), 16U);
  EXPECT_NE(one.hash,
            campaign_of(R"({"schema": 1, "flows": [{"name": "g", "io": "blocking"}]})").hash);
  const auto again = campaign_of(one.resolved_json);
  EXPECT_EQ(again.hash, one.hash);
}

TEST(ScenarioJson, NameComesFromTheFile) {
  EXPECT_EQ(parse_scenario(R"({"schema": 1, "flows": [{"name": "f"}]})", "my file!", {})
                .campaign->base.name,
            "my-file-");
  EXPECT_EQ(
      parse_scenario(R"({"schema": 1, "flows": [{"name": "f"}]})", "", {}).campaign->base.name,
      "scenario");
}

class ScenarioFile : public testing::Test {
 protected:
  ScenarioFile()
      : path_(fmt::format("{}netstall-scenario-file-{}.json", testing::TempDir(), ::getpid())) {}
  ~ScenarioFile() override { std::filesystem::remove(path_); }
  void write(std::string_view text) { std::ofstream(path_) << text; }
  std::filesystem::path path_;
};

TEST_F(ScenarioFile, IsLoaded) {
  write(R"({"schema": 1, "flows": [{"name": "f"}]})");
  EXPECT_EQ(load_scenario(path_, {}).base.name, path_.stem().string());
}

TEST_F(ScenarioFile, FaultsAreListedInOneError) {
  write(R"({"schema": 2, "flows": []})");
  try {
    load_scenario(path_, {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_EQ(std::string(error.what()),
              "read the scenario " + path_.string() +
                  ": 2 faults:\n  /schema: found 2; expected 1\n  /flows: found a list "
                  "of 0; expected a list of 1 to 64 objects");
  }
}

TEST_F(ScenarioFile, ThatIsNotThereIsBadUsage) {
  try {
    load_scenario("/nowhere/x.json", {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("/nowhere/x.json: No such file or directory"));
  }
  write(std::string((std::size_t{4} << 20) + 1, ' '));
  EXPECT_THROW(load_scenario(path_, {}), Error);
}

}  // namespace
}  // namespace netstall
