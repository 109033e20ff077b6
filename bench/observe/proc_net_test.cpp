#include "bench/observe/proc_net.hpp"

#include <gmock/gmock.h>

#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;
using Parser = void (*)(std::string_view, std::string_view, CounterSnapshot&);

CounterSnapshot parsed(Parser parser, std::string_view text) {
  CounterSnapshot snapshot;
  parser(text, "the file", snapshot);
  return snapshot;
}

CounterSnapshot parsed_file(Parser parser, const std::filesystem::path& machine,
                            std::string_view name) {
  return parsed(parser, read_file(machine / "proc/thread-self/net" / name));
}

// The message of the Error; fails the test when there is none.
std::string refusal(Parser parser, std::string_view text) {
  try {
    parsed(parser, text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::failed);
    EXPECT_THAT(error.what(), HasSubstr("read the file: "));
    return error.what();
  }
  ADD_FAILURE() << "no Error for: " << text;
  return {};
}

TEST(Netstat, EveryNameOfARealFile) {
  const auto snapshot = parsed_file(parse_netstat, vm_machine(), "netstat");
  EXPECT_EQ(snapshot.counters.size() + snapshot.gauges.size(), 135U + 18U + 76U);
  EXPECT_EQ(snapshot.counters.at("TcpExt.TW"), 36);
  EXPECT_EQ(snapshot.counters.at("TcpExt.TCPAODroppedIcmps"), 0);
  EXPECT_EQ(snapshot.counters.at("IpExt.InOctets"), 119184942001);
  EXPECT_EQ(snapshot.gauges.at("MPTcpExt.MPCurrEstab"), 0);
}

TEST(Netstat, NamesThatAnotherKernelLacksAreNotThere) {
  const auto snapshot = parsed_file(parse_netstat, server_machine(), "netstat");
  EXPECT_EQ(snapshot.counters.at("TcpExt.TW"), 36);
  EXPECT_EQ(snapshot.counters.at("TcpExt.TCPHPAcks"), 1890826);
  EXPECT_FALSE(snapshot.counters.contains("TcpExt.TSEcrRejected"));
  EXPECT_FALSE(snapshot.counters.contains("MPTcpExt.MPCapableSYNRX"));
}

TEST(Netstat, SnmpTellsStatesFromCounters) {
  const auto snapshot = parsed(parse_netstat,
                               "Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens CurrEstab\n"
                               "Tcp: 1 200 120000 -1 21 7\n");
  EXPECT_THAT(snapshot.counters, testing::ElementsAre(testing::Pair("Tcp.ActiveOpens", 21)));
  EXPECT_EQ(snapshot.gauges.at("Tcp.MaxConn"), -1);
  EXPECT_EQ(snapshot.gauges.at("Tcp.CurrEstab"), 7);
  EXPECT_EQ(snapshot.gauges.size(), 5U);
}

TEST(Netstat, TheKernelMayWriteOneGroupInSeveralParts) {
  const auto snapshot = parsed(parse_netstat,
                               "IcmpMsg: InType0 InType3\nIcmpMsg: 1 2\n"
                               "IcmpMsg: OutType8\nIcmpMsg: 3\n");
  EXPECT_EQ(snapshot.counters.at("IcmpMsg.InType3"), 2);
  EXPECT_EQ(snapshot.counters.at("IcmpMsg.OutType8"), 3);
}

TEST(Netstat, CountersOfAllSixtyFourBits) {
  const auto snapshot = parsed(parse_netstat,
                               "IpExt: A B C\n"
                               "IpExt: 9223372036854775807 9223372036854775808 "
                               "18446744073709551615\n");
  EXPECT_EQ(static_cast<std::uint64_t>(snapshot.counters.at("IpExt.A")), 9223372036854775807U);
  EXPECT_EQ(static_cast<std::uint64_t>(snapshot.counters.at("IpExt.B")), 9223372036854775808U);
  EXPECT_EQ(static_cast<std::uint64_t>(snapshot.counters.at("IpExt.C")), 18446744073709551615U);
}

TEST(Netstat, MalformedTextIsRefused) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"", "empty"},
      {"Tcp: A B\nTcp: 1 2", "does not end with the end of a line"},
      {"Tcp: A B\nTcp: 1\n", "line 2: Tcp has 2 names and 1 values"},
      {"Tcp: A\nTcp: 1 2\n", "line 2: Tcp has 1 names and 2 values"},
      {"Tcp: A\n", "line 1: no values follow the names of Tcp"},
      {"Tcp: A\nUdp: 1\n", "line 2: expected the values of Tcp"},
      {"Tcp: A\n\n", "line 2: expected the values of Tcp"},
      {"\n\n", "line 1: empty line"},
      {"Tcp A\nTcp 1\n", "line 1: 'Tcp' is no name of a group"},
      {": A\n: 1\n", "line 1: ':' is no name of a group"},
      {"Tcp: A\nTcp: x\n", "line 2: 'x' is not a number"},
      {"Tcp: A\nTcp: 12x\n", "line 2: '12x' is not a number"},
      {"Tcp: A\nTcp: 1.5\n", "line 2: '1.5' is not a number"},
      {"Tcp: A\nTcp: 0x10\n", "line 2: '0x10' is not a number"},
      {"Tcp: A\nTcp: -1\n", "line 2: '-1' is not a number"},
      {"Tcp: A\nTcp: +1\n", "line 2: '+1' is not a number"},
      {"Tcp: A\nTcp: 18446744073709551616\n", "line 2: '18446744073709551616' is too large"},
      {"Tcp: MaxConn\nTcp: 9223372036854775808\n", "line 2: '9223372036854775808' is too large"},
      {"Tcp: A A\nTcp: 1 2\n", "line 2: 'Tcp.A' is there twice"},
      {"Tcp: A\nTcp: 1\nTcp: A\nTcp: 2\n", "line 4: 'Tcp.A' is there twice"},
  };
  for (const auto& [text, why] : cases) {
    EXPECT_THAT(refusal(parse_netstat, text), HasSubstr(why)) << text;
  }
}

TEST(Snmp6, GroupsAreSetApart) {
  const auto snapshot = parsed(parse_snmp6,
                               "Ip6InReceives                   \t12\nIcmp6OutType135\t3\n"
                               "Udp6InDatagrams\t4\nUdpLite6InErrors\t5\nNew6Thing\t6\n");
  EXPECT_EQ(snapshot.counters.at("Ip6.InReceives"), 12);
  EXPECT_EQ(snapshot.counters.at("Icmp6.OutType135"), 3);
  EXPECT_EQ(snapshot.counters.at("Udp6.InDatagrams"), 4);
  EXPECT_EQ(snapshot.counters.at("UdpLite6.InErrors"), 5);
  EXPECT_EQ(snapshot.counters.at("New6Thing"), 6);
}

TEST(Snmp6, EveryLineOfARealFile) {
  EXPECT_EQ(parsed_file(parse_snmp6, vm_machine(), "snmp6").counters.size(), 90U);
}

TEST(Snmp6, MalformedTextIsRefused) {
  EXPECT_THAT(refusal(parse_snmp6, "Ip6InReceives\n"), HasSubstr("line 1: expected a name"));
  EXPECT_THAT(refusal(parse_snmp6, "Ip6InReceives 1 2\n"), HasSubstr("expected a name"));
  EXPECT_THAT(refusal(parse_snmp6, "A 1\nA 1\n"), HasSubstr("line 2: 'A' is there twice"));
  EXPECT_THAT(refusal(parse_snmp6, "A -1\n"), HasSubstr("'-1' is not a number"));
  EXPECT_THAT(refusal(parse_snmp6, "A 1"), HasSubstr("end of a line"));
}

TEST(Sockstat, AllAreGauges) {
  const auto snapshot = parsed_file(parse_sockstat, server_machine(), "sockstat");
  EXPECT_TRUE(snapshot.counters.empty());
  EXPECT_EQ(snapshot.gauges.at("sockets.used"), 262);
  EXPECT_EQ(snapshot.gauges.at("TCP.orphan"), 2);
  EXPECT_EQ(snapshot.gauges.at("TCP.mem"), 800000);
  EXPECT_EQ(snapshot.gauges.at("FRAG.memory"), 0);
  EXPECT_EQ(snapshot.gauges.size(), 12U);
}

TEST(Sockstat, MalformedTextIsRefused) {
  EXPECT_THAT(refusal(parse_sockstat, "TCP: inuse\n"), HasSubstr("a value of TCP is missing"));
  EXPECT_THAT(refusal(parse_sockstat, "TCP: inuse 1 mem\n"),
              HasSubstr("a value of TCP is missing"));
  EXPECT_THAT(refusal(parse_sockstat, "TCP: inuse mem 1 2\n"), HasSubstr("'mem' is not a number"));
  EXPECT_THAT(refusal(parse_sockstat, "TCP inuse 1\n"), HasSubstr("'TCP' is no name of a group"));
  EXPECT_THAT(refusal(parse_sockstat, "TCP: mem 1\n\n"), HasSubstr("line 2: empty line"));
  EXPECT_THAT(refusal(parse_sockstat, "TCP: mem 12"), HasSubstr("end of a line"));
}

TEST(Softnet, ColumnsByCpu) {
  // Sixteen columns, one more than this program knows; the CPUs are 7 and 15.
  const auto snapshot = parsed_file(parse_softnet, server_machine(), "softnet_stat");
  EXPECT_EQ(snapshot.counters.size(), 10U);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu7.processed"), 10);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu7.dropped"), 1);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu7.time_squeeze"), 2);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu7.received_rps"), 5);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu7.flow_limit"), 6);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu15.processed"), 0xfffffff0);
  EXPECT_EQ(snapshot.counters.at("softnet.cpu15.time_squeeze"), 3);
}

TEST(Softnet, MalformedTextIsRefused) {
  const std::string row = "1 0 0 0 0 0 0 0 0 0 0 0 ";
  EXPECT_THAT(refusal(parse_softnet, row + "\n"), HasSubstr("12 columns"));
  EXPECT_THAT(refusal(parse_softnet, "\n"), HasSubstr("0 columns"));
  EXPECT_THAT(refusal(parse_softnet, ""), HasSubstr("empty"));
  EXPECT_THAT(refusal(parse_softnet, row + "zz\n"), HasSubstr("'zz' is not a number"));
  EXPECT_THAT(refusal(parse_softnet, row + "100000000\n"), HasSubstr("is too large"));
  EXPECT_THAT(refusal(parse_softnet, row + "0\n" + row + "0\n"),
              HasSubstr("line 2: 'softnet.cpu0.processed' is there twice"));
  EXPECT_THAT(refusal(parse_softnet, row + "0"), HasSubstr("end of a line"));
}

}  // namespace
}  // namespace netstall
