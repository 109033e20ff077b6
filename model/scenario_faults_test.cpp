// What a faulty scenario is told, word for word.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "model/scenario_json.hpp"

namespace netstall {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> faults_of(std::string_view text, const ScenarioOptions& options = {}) {
  const auto parsed = parse_scenario(text, "test", options);
  EXPECT_EQ(parsed.faults.empty(), parsed.campaign.has_value());
  std::vector<std::string> texts;
  for (const auto& fault : parsed.faults) texts.push_back(to_text(fault));
  return texts;
}

// A good scenario with one more key in its only flow group.
std::string with_flow_key(std::string_view key) {
  return fmt::format(R"({{"schema": 1, "flows": [{{"name": "f", {}}}]}})", key);
}

// The same with one more key of its own.
std::string with_key(std::string_view key) {
  return fmt::format(R"({{"schema": 1, "flows": [{{"name": "f"}}], {}}})", key);
}

// One fault each, in full: these texts are what users read.
TEST(ScenarioFaults, FaultsReadAsTheyShould) {
  const std::vector<std::pair<std::string, std::string>> kCases{
      {R"({"flows": [{"name": "f"}]})", "/schema: found nothing; expected 1"},
      {R"({"schema": 2, "flows": [{"name": "f"}]})", "/schema: found 2; expected 1"},
      {R"({"schema": 1})", "/flows: found nothing; expected a list of 1 to 64 objects"},
      {R"({"schema": 1, "flows": []})",
       "/flows: found a list of 0; expected a list of 1 to 64 objects"},
      {R"({"schema": 1, "flows": {}})",
       "/flows: found an object; expected a list of 1 to 64 objects"},
      {R"({"schema": 1, "flows": [{}]})",
       "/flows/0/name: found nothing; expected a name of 1 to 64 letters, digits, '_', '.' or '-'"},
      {R"({"schema": 1, "flows": [7]})", "/flows/0: found 7; expected an object"},
      {R"({"schema": 1, "flows": [{"name": "a/b"}]})",
       R"(/flows/0/name: found "a/b"; expected a name of 1 to 64 letters, digits, '_', '.' or '-')"},
      {R"({"schema": 1, "flows": [{"name": "a"}, {"name": "a"}]})",
       R"(/flows/1/name: found "a"; expected a name that no other flow group has)"},
      {with_key(R"("nmae": "x")"),
       "/nmae: found an unknown key; expected one of schema, name, why, lab, profile, sysctl, "
       "flows, timing, probes, expect, sweep, exclude; did you mean \"name\"?"},
      {with_key(R"("name": "")"),
       R"(/name: found ""; expected a name of 1 to 64 letters, digits, '_', '.' or '-')"},
      {with_key(R"("why": 3)"), "/why: found 3; expected a text"},
      {with_key(R"("lab": [])"), "/lab: found a list; expected an object"},
      {with_key(R"("lab": null)"), "/lab: found null; expected an object"},
      {with_key(R"("lab": {"clients": 33})"),
       "/lab/clients: found 33; expected a whole number from 1 to 32"},
      {with_key(R"("lab": {"clients": 2})"),
       "/lab/clients: found 2 with 1 connections; expected at most as many as there are "
       "connections: each client has one"},
      {with_key(R"("lab": {"clients": 2, "devices": {"client": "a", "server": "b"}})"),
       "/lab/clients: found 2 beside devices; expected 1: two ports that are cabled to each other "
       "join one client and the server"},
      {R"({"schema": 1, "lab": {"clients": 2}, )"
       R"("flows": [{"name": "f", "connections": 9, "pattern": "multicast"}]})",
       "/flows/0/pattern: found multicast with 2 clients; expected another pattern, or one client: "
       "those that join are in one namespace"},
      {with_key(R"("lab": {"link": {"mtu": -1}})"),
       "/lab/link/mtu: found -1; expected a whole number from 1280 to 65535"},
      {with_key(R"("lab": {"link": {"mtu": 1500.5}})"),
       "/lab/link/mtu: found 1500.5; expected a whole number from 1280 to 65535"},
      {with_key(R"("lab": {"link": {"txqueuelen": 1e99}})"),
       "/lab/link/txqueuelen: found 1e+99; expected a whole number from 0 to 1000000"},
      {with_key(R"("lab": {"tcp_memory_limit": {"sever": "1MiB"}})"),
       "/lab/tcp_memory_limit/sever: found an unknown key; expected one of client, server; did you "
       "mean "
       "\"server\"?"},
      {with_key(R"("lab": {"memory_limit": {"server": {"maximum": "1MiB"}}})"),
       "/lab/memory_limit/server/maximum: found an unknown key; expected one of max, high"},
      {with_key(R"("lab": {"memory_limit": {"client": {"high": 1}}})"),
       "/lab/memory_limit/client/high: found 1; expected a size from 4KiB to 1024GiB, such as "
       "\"64KiB\", \"64kB\" or 65536"},
      {with_key(R"("lab": {"tcp_memory_limit": {"client": "1MiB"}, )"
                R"("memory_limit": {"server": {"max": "1MiB"}}})"),
       "/lab/memory_limit: found a limit beside tcp_memory_limit; expected one or the other: the "
       "first is of cgroup v2, the second of v1, and a machine's memory controller is in one of "
       "them"},
      {with_key(R"("lab": {"tcp_memory_limit": {"server": "1Mib"}})"),
       R"(/lab/tcp_memory_limit/server: found "1Mib"; expected a size from 4KiB to 1024GiB, such as "64KiB", "64kB" or 65536)"},
      {with_key(R"("profile": 1)"),
       R"(/profile: found 1; expected a path, such as "profiles/c1m.conf", or {"client": path, "server": path})"},
      {with_key(R"("sysctl": {"server": []})"),
       "/sysctl/server: found a list; expected an object of sysctl names and values"},
      {with_key(R"("sysctl": {"server": {"net/ipv4/tcp_wmem": "1"}})"),
       R"(/sysctl/server/net~1ipv4~1tcp_wmem: found the name "net/ipv4/tcp_wmem"; expected a name as "net.ipv4.tcp_rmem"; sysctls outside net. belong to "host"; did you mean "net.ipv4.tcp_wmem"?)"},
      {with_key(R"("sysctl": {"client": {"vm.swappiness": "1"}})"),
       R"(/sysctl/client/vm.swappiness: found the name "vm.swappiness"; expected a name as "net.ipv4.tcp_rmem"; sysctls outside net. belong to "host")"},
      {with_key(R"("sysctl": {"host": {"net.//.x": "1"}})"),
       R"(/sysctl/host/net.~1~1.x: found the name "net.//.x"; expected a name as "net.ipv4.tcp_mem")"},
      {with_key(R"("sysctl": {"client": {"net.ipv4.tcp_rmem": null}})"),
       R"(/sysctl/client/net.ipv4.tcp_rmem: found null; expected a value as a text or whole number, such as "4096 16384")"},
      {with_key(R"("sysctl": {"client": {"net.ipv4.tcp_rmem": " "}})"),
       R"(/sysctl/client/net.ipv4.tcp_rmem: found " "; expected a value as a text or whole number, such as "4096 16384")"},
      {with_key(R"("sysctl": {"optional": "x"})"),
       R"(/sysctl/optional: found "x"; expected a list of sysctl names, as ["net.ipv4.tcp_rmem"])"},
      {with_key(R"("sysctl": {"optional": [1]})"),
       R"(/sysctl/optional/0: found 1; expected a name as "net.ipv4.tcp_mem")"},
      {with_key(R"("sysctl": {"widow": {}})"),
       "/sysctl/widow: found an unknown key; expected one of client, server, host, window, "
       "optional; did you mean \"window\"?"},
      {with_flow_key(R"("conections": 3)"),
       "/flows/0/conections: found an unknown key; expected one of name, connections, sender, "
       "pattern, io, family, "
       "payload, pace, response, pipeline, think, multicast, closes, acknowledge, reader, socket; "
       "did you mean "
       "\"connections\"?"},
      {with_flow_key(R"("connections": 0)"),
       "/flows/0/connections: found 0; expected a whole number from 1 to 4000000"},
      {with_flow_key(R"("connections": 1000000000)"),
       "/flows/0/connections: found 1000000000; expected a whole number from 1 to 4000000"},
      {with_flow_key(R"("connections": "ten")"),
       R"(/flows/0/connections: found "ten"; expected a whole number from 1 to 4000000)"},
      {with_flow_key(R"("sender": "sever")"),
       R"(/flows/0/sender: found "sever"; expected "client" or "server"; did you mean "server"?)"},
      {with_flow_key(R"("pattern": "rpc")"),
       R"(/flows/0/pattern: found "rpc"; expected "stream" or "request-response" or "duplex" or "idle" or "connect" or "udp-stream" or "udp-request-response" or "multicast")"},
      {with_flow_key(R"("io": "iouring")"),
       R"(/flows/0/io: found "iouring"; expected "blocking" or "nonblocking" or "level-triggered" or "io-uring"; did you mean "io-uring"?)"},
      {with_flow_key(R"("family": 4)"), R"(/flows/0/family: found 4; expected "ipv4" or "ipv6")"},
      {with_flow_key(R"("payload": "16KiB")"),
       R"(/flows/0/payload: found "16KiB"; expected an object)"},
      {with_flow_key(R"("payload": {})"),
       "/flows/0/payload: found no size; expected one of fixed, uniform, log_normal, pareto, "
       "weighted, sequence, file"},
      {with_flow_key(R"("payload": {"fixed": 1, "sequence": [1]})"),
       "/flows/0/payload: found several kinds of sizes; expected one of fixed, uniform, "
       "log_normal, pareto, weighted, sequence, file"},
      {with_flow_key(R"("payload": {"uniform": {"min": 2, "max": 1}})"),
       "/flows/0/payload/uniform: found a max below min; expected a range that a size can lie in"},
      {with_flow_key(R"("payload": {"weighted": [{"size": 1, "weight": 0}]})"),
       "/flows/0/payload/weighted/0/weight: found 0; expected a number from 1e-09 to 1000000000"},
      {with_flow_key(R"("payload": {"sequence": [1, "x"]})"),
       "/flows/0/payload/sequence: found a list; expected a list of 1 to 65536 sizes from 1 to "
       "1GiB"},
      {with_flow_key(R"("payload": {"file": "nowhere.txt"})"),
       R"(/flows/0/payload/file: found "nowhere.txt", which is not there; expected an absolute path)"},
      {with_flow_key(R"("payload": {"fixed": 0})"),
       R"(/flows/0/payload/fixed: found 0; expected a size from 1 to 1GiB, such as "64KiB", "64kB" or 65536)"},
      {with_flow_key(R"("payload": {"fixed": "2GiB"})"),
       R"(/flows/0/payload/fixed: found "2GiB"; expected a size from 1 to 1GiB, such as "64KiB", "64kB" or 65536)"},
      {with_flow_key(R"("payload": {"fixed": "-16KiB"})"),
       R"(/flows/0/payload/fixed: found "-16KiB"; expected a size from 1 to 1GiB, such as "64KiB", "64kB" or 65536)"},
      {with_flow_key(R"("pace": {})"),
       R"(/flows/0/pace/rate: found nothing; expected a rate above 0 in messages or bytes, such as "200/s", "64kB/s" or "1gbit")"},
      {with_flow_key(R"("pace": {"rate": 50})"),
       R"(/flows/0/pace/rate: found 50; expected a rate above 0 in messages or bytes, such as "200/s", "64kB/s" or "1gbit")"},
      {with_flow_key(R"("pace": {"rate": "0/s"})"),
       R"(/flows/0/pace/rate: found "0/s"; expected a rate above 0 in messages or bytes, such as "200/s", "64kB/s" or "1gbit")"},
      {with_flow_key(R"("pace": {"rate": "0.0000001/s"})"),
       "/flows/0/pace/rate: found 1e-07 messages a second; expected 1e-06 to 1000000000 messages a "
       "second on a "
       "connection"},
      {with_flow_key(R"("pace": {"rate": "50/s", "arrival": "pareto"})"),
       R"(/flows/0/pace/arrival: found "pareto"; expected "constant" or "poisson")"},
      {with_flow_key(
           R"("pace": {"rate": "50/s", "schedule": [{"at": "2s", "rate": "1/s"}, {"at": "2s", "rate": "2/s"}]})"),
       "/flows/0/pace/schedule/1/at: found 2s; expected a time after the one before"},
      {with_flow_key(
           R"("pace": {"rate": "50/s", "schedule": [{"at": "2s", "rate": "0.0000001/s"}]})"),
       "/flows/0/pace/schedule/0/rate: found 1e-07 messages a second; expected 1e-06 to "
       "1000000000 messages a second on a connection"},
      {with_flow_key(
           R"("reader": {"freeze": [{"at": "1s", "for": "2s"}, {"at": "2s", "for": "1s"}]})"),
       "/flows/0/reader/freeze/1/at: found 2s; expected a time after the end of the one before"},
      {with_flow_key(R"("reader": {"rate_sigma": 1})"),
       R"(/flows/0/reader/rate_sigma: found no rate beside it; expected "rate", which is the median)"},
      {with_flow_key(R"("socket": {"force_buffers": true})"),
       R"(/flows/0/socket/force_buffers: found no buffer beside it; expected "sndbuf" or "rcvbuf")"},
      {with_flow_key(R"("pattern": "duplex", "io": "blocking")"),
       R"(/flows/0/io: found io with pattern "duplex"; expected "nonblocking"; only "stream" and "udp-stream" have blocking senders)"},
      {with_flow_key(R"("pipeline": 2)"),
       R"(/flows/0/pipeline: found pipeline with pattern "stream"; expected it with "request-response" or "udp-request-response" alone)"},
      {with_flow_key(R"("pattern": "udp-stream", "payload": {"fixed": 65508})"),
       "/flows/0/payload/fixed: found 65508; expected a size from 16 (number and due time) to "
       "65507, which is the most that a datagram over ipv4 holds"},
      {with_flow_key(
           R"("pattern": "udp-stream", "family": "ipv6", "payload": {"sequence": [65527, 15]})"),
       "/flows/0/payload/sequence/1: found 15; expected a size from 16 (number and due time) to "
       "65527, which is the most that a datagram over ipv6 holds"},
      {with_flow_key(R"("pattern": "udp-request-response", "payload": {"fixed": 100},
                        "response": {"weighted": [{"size": 1, "weight": 1}]})"),
       "/flows/0/response/weighted/0/size: found 1; expected a size from 16 (number and due time) "
       "to 65507, which is the most that a datagram over ipv4 holds"},
      {with_flow_key(R"("pattern": "udp-stream", "socket": {"keepalive":
                        {"idle": "1s", "interval": "1s", "probes": 1}})"),
       R"(/flows/0/socket/keepalive: found keepalive with pattern "udp-stream"; expected it with a pattern of TCP: UDP has no such option)"},
      {with_flow_key(R"("multicast": {"groups": 1})"),
       R"(/flows/0/multicast: found multicast with pattern "stream"; expected it with "multicast" alone)"},
      {with_flow_key(R"("pattern": "multicast", "connections": 3, "multicast": {"groups": 4})"),
       "/flows/0/multicast/groups: found 4; expected at most 3, as there are connections: one "
       "joins each group"},
      {with_flow_key(
           R"("pattern": "multicast", "connections": 3, "multicast": {"groups": 2, "per_socket": 3})"),
       "/flows/0/multicast/per_socket: found 3; expected at most 2, as there are groups: a socket "
       "joins each once"},
      {with_flow_key(R"("pattern": "multicast", "io": "blocking")"),
       R"(/flows/0/io: found io with pattern "multicast"; expected "nonblocking"; only "stream" and "udp-stream" have blocking senders)"},
      {with_flow_key(R"("pattern": "udp-stream", "reader": {"chunk": 100})"),
       R"(/flows/0/reader/chunk: found chunk with pattern "udp-stream"; expected no chunk: a datagram is read whole, or its rest is lost)"},
      {with_flow_key(R"("pattern": "request-response", "io": "level-triggered")"),
       R"(/flows/0/io: found io with pattern "request-response"; expected "nonblocking"; only senders of "stream" and "duplex" are level-triggered by choice)"},
      {with_flow_key(R"("pattern": "duplex", "socket": {"zerocopy": true})"),
       R"(/flows/0/socket/zerocopy: found zerocopy with pattern "duplex"; expected it with "stream" alone)"},
      {with_flow_key(R"("io": "level-triggered", "socket": {"zerocopy": true})"),
       R"(/flows/0/socket/zerocopy: found zerocopy with io "level-triggered"; expected it with "blocking" or "nonblocking")"},
      {with_flow_key(R"("pattern": "connect", "io": "io-uring")"),
       R"(/flows/0/io: found io with pattern "connect"; expected "nonblocking"; only senders of "stream" and "duplex" can send by io_uring)"},
      {with_flow_key(R"("io": "io-uring", "socket": {"zerocopy": true})"),
       R"(/flows/0/socket/zerocopy: found zerocopy with io "io-uring"; expected it with "blocking" or "nonblocking")"},
      {with_flow_key(R"("pattern": "duplex", "acknowledge": true)"),
       R"(/flows/0/acknowledge: found acknowledge with pattern "duplex"; expected it with "stream" alone: nothing else leaves the way back free)"},
      {with_flow_key(R"("acknowledge": true, "socket": {"zerocopy": true})"),
       "/flows/0/acknowledge: found zerocopy beside it; expected one of them: the kernel's notes "
       "of "
       "both come by one queue"},
      {with_flow_key(R"("closes": "client")"),
       R"(/flows/0/closes: found closes with pattern "stream"; expected it with "connect" alone; connections of the others last, and are reset at the end)"},
      {with_flow_key(R"("socket": {"linger": "1s"})"),
       R"(/flows/0/socket/linger: found linger with pattern "stream"; expected it with "connect" alone; connections of the others last, and are reset at the end)"},
      {with_flow_key(R"("pattern": "connect", "socket": {"linger": "1500ms"})"),
       "/flows/0/socket/linger: found 1500ms; expected whole seconds"},
      {with_flow_key(R"("pattern": "connect", "sender": "server")"),
       R"(/flows/0/sender: found sender with pattern "connect"; expected "client": the side that connects asks)"},
      {with_flow_key(R"("pattern": "connect", "socket": {"busy_poll": "50us"})"),
       R"(/flows/0/socket/busy_poll: found busy_poll with pattern "connect"; expected another pattern: its sockets are made when workers have no privileges any more)"},
      {with_flow_key(R"("pattern": "idle", "pace": {"rate": "1/s"})"),
       R"(/flows/0/pace: found pace with pattern "idle"; expected nothing: idle connections carry no message)"},
      {with_flow_key(R"("reader": {"rate": "50/s"})"),
       R"(/flows/0/reader/rate: found "50/s"; expected a rate in bytes above 0, such as "64kB/s", "1MiB/s" or "1gbit")"},
      {with_flow_key(R"("reader": {"chunk": 0})"),
       R"(/flows/0/reader/chunk: found 0; expected a size from 1 to 1GiB, such as "64KiB", "64kB" or 65536)"},
      {with_flow_key(R"("reader": {"io": "nonblocking"})"),
       R"(/flows/0/reader/io: found "nonblocking"; expected "epoll" or "blocking"; )"
       R"(did you mean "blocking"?)"},
      {with_flow_key(R"("reader": {"io": "blocking", "share": 0.5})"),
       R"(/flows/0/reader/io: found "blocking" beside a rate, a stop, a freeze or a share; )"
       R"(expected "epoll"; a thread of its own reads a connection at once, with "chunk" at most)"},
      {with_flow_key(R"("pattern": "duplex", "reader": {"io": "blocking"})"),
       R"(/flows/0/reader/io: found "blocking" with pattern "duplex"; expected "epoll"; )"
       R"(only "stream" has a reading thread for each connection)"},
      {with_flow_key(R"("acknowledge": true, "reader": {"io": "blocking"})"),
       "/flows/0/acknowledge: found blocking readers beside it; expected one of them: readers that "
       "acknowledge wait by epoll"},
      {with_flow_key(R"("reader": {"stop_after": 10})"),
       R"(/flows/0/reader/stop_after: found 10; expected a duration with its unit from 0s to 24h, such as "250us", "20ms" or "1.5s")"},
      {with_flow_key(R"("socket": {"sndbuf": "2GiB"})"),
       R"(/flows/0/socket/sndbuf: found "2GiB"; expected a size from 1 to 2147483647, such as "64KiB", "64kB" or 65536)"},
      {with_flow_key(R"("socket": {"nodelay": 1})"),
       "/flows/0/socket/nodelay: found 1; expected true or false"},
      {with_key(R"("timing": {"measure": "10"})"),
       R"(/timing/measure: found "10"; expected a duration with its unit from 10ms to 24h, such as "250us", "20ms" or "1.5s")"},
      {with_key(R"("timing": {"measure": "0s"})"),
       R"(/timing/measure: found "0s"; expected a duration with its unit from 10ms to 24h, such as "250us", "20ms" or "1.5s")"},
      {with_key(R"("timing": {"ramp": "-1s"})"),
       R"(/timing/ramp: found "-1s"; expected a duration with its unit from 0s to 24h, such as "250us", "20ms" or "1.5s")"},
      {with_key(R"("timing": {"warmup": "25h"})"),
       R"(/timing/warmup: found "25h"; expected a duration with its unit from 0s to 24h, such as "250us", "20ms" or "1.5s")"},
      {with_key(R"("timing": {"repetitions": 0})"),
       "/timing/repetitions: found 0; expected a whole number from 1 to 1000"},
      {with_key(R"("expect": [{"flow": "f", "metric": "stall.p99"}])"),
       R"(/expect/0: found no bound; expected "at_most" or "at_least", or both, or "equals")"},
      {with_key(R"("expect": [{"metric": "m", "at_most": 1, "at_least": 2}])"),
       "/expect/0: found at_most below at_least; expected a range that a value can lie in"},
      {with_key(R"("expect": [{"metric": "m", "at_most": "1s", "at_least": 2}])"),
       "/expect/0: found at_most and at_least in different units; expected one unit for both"},
      {with_key(R"("expect": [{"metric": "m", "at_most": -1}])"),
       R"(/expect/0/at_most: found -1; expected a number of at least 0, or a quantity such as "10ms", "64KiB" or "200/s")"},
      {with_key(R"("expect": [{"at_most": 1}])"),
       "/expect/0/metric: found nothing; expected a name of 1 to 64 letters, digits, '_', '.' or "
       "'-'"},
      {with_key(R"("expect": [{"flow": "g", "metric": "m", "at_most": 1}])"),
       R"(/expect/0/flow: found "g"; expected a flow group: f)"},
      {with_key(R"("sweep": [])"), "/sweep: found a list; expected an object of axes"},
      {with_key(R"("flows": [{"name": "f"}])"),
       "/flows: found a key that was given before; expected each key once"},
      {with_flow_key(R"("name": "g")"),
       "/flows/0/name: found a key that was given before; expected each key once"},
  };
  for (const auto& [text, fault] : kCases) EXPECT_THAT(faults_of(text), ElementsAre(fault)) << text;
}

TEST(ScenarioFaults, FindsAllFaultsAtOnce) {
  EXPECT_THAT(faults_of(R"({"schema": 1, "lab": {"link": {"mtu": 1}}, "sysctl": {"x": 1},
                           "flows": [{"name": "f", "io": "?"}, {"connections": 0}, 3],
                           "timing": {"measure": 10}, "expect": [{}],
                           "sweep": {"/flows/0/connections": [1, 0], "/x": [1]}})"),
              testing::SizeIs(11));
}

TEST(ScenarioFaults, RefusesWhatIsNoJson) {
  EXPECT_THAT(
      faults_of(""),
      ElementsAre(
          "the document: found a syntax error at line 1, column 1 (unexpected end of input); "
          "expected '[', '{', or a literal"));
  EXPECT_THAT(
      faults_of("{\n  \"schema\": 1,\n}"),
      ElementsAre(
          "the document: found a syntax error at line 3, column 1 (unexpected '}'); expected "
          "string literal"));
  EXPECT_THAT(
      faults_of("{} x"),
      ElementsAre(
          "the document: found a syntax error at line 1, column 4 (invalid literal after {} x); "
          "expected end of input"));
  EXPECT_THAT(
      faults_of(R"({"schema": 1e999})"),
      ElementsAre(
          "the document: found a syntax error (number overflow parsing '1e999'); expected JSON"));
  EXPECT_THAT(
      faults_of("{\"a\": \"\x80\"}"),
      ElementsAre(
          "the document: found a syntax error at line 1, column 8 (invalid string: ill-formed "
          "UTF-8 byte after \\\"\\ufffd); expected JSON"));
  EXPECT_THAT(faults_of("[]"), ElementsAre("the document: found a list; expected an object"));
  EXPECT_THAT(faults_of("NaN"), ElementsAre(HasSubstr("a syntax error")));
  EXPECT_THAT(faults_of(std::string_view("{}\0 x", 5)),
              ElementsAre("the document: found a NUL byte at offset 2; expected text"));
}

TEST(ScenarioFaults, RefusesWhatIsTooLargeOrTooDeep) {
  EXPECT_THAT(faults_of(std::string(std::size_t{100} << 20, ' ')),
              ElementsAre("the document: found 104857600 bytes; expected at most 4MiB"));
  const auto nested = [](std::size_t depth) {
    return with_key(R"("x": )" + std::string(depth, '[') + std::string(depth, ']'));
  };
  EXPECT_THAT(
      faults_of(nested(64)),
      ElementsAre(
          "the document: found values nested more than 64 deep; expected at most 64 levels"));
  EXPECT_THAT(faults_of(nested(63)), ElementsAre(HasSubstr("/x: found an unknown key")));
  EXPECT_THAT(faults_of(nested(1'000'000)), ElementsAre(HasSubstr("nested more than 64 deep")));
  EXPECT_THAT(faults_of(R"({"x":)" + std::string(1'000'000, '{')),
              ElementsAre(HasSubstr("a syntax error")));
}

TEST(ScenarioFaults, ManyFaultsAreCounted) {
  std::string keys;
  for (int i = 0; i < 1000; ++i) keys += fmt::format(R"("key{}": 0, )", i);
  const auto faults = faults_of(with_key(keys + R"("why": "")"));
  ASSERT_EQ(faults.size(), 101U);
  EXPECT_EQ(faults.back(), "the document: found 900 more faults");
}

TEST(ScenarioFaults, ForeignTextReachesTheTerminalHarmless) {
  const auto faults =
      faults_of(with_key("\"\\u001b[2J\": 0, \"why\": [], \"name\": \"\\u001b[31m\xc3\xa4\""));
  ASSERT_EQ(faults.size(), 3U);
  for (const auto& fault : faults) {
    EXPECT_TRUE(std::all_of(fault.begin(), fault.end(), [](char c) {
      return c >= ' ' && c <= '~';
    })) << fault;
  }
  const auto long_one =
      faults_of(with_key(R"("why": 1, "name": ")" + std::string(1000, 'x') + "!\""));
  ASSERT_EQ(long_one.size(), 2U);
  EXPECT_THAT(long_one[0], HasSubstr(std::string(60, 'x') + "...\""));
}

}  // namespace
}  // namespace netstall
