// Retransmissions and drops: a queue too short for its traffic makes them, and the
// kernel's own counters say how many.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <numeric>
#include <string>

#include "bpf/kernel_probe.hpp"
#include "bpf/probe_fixture.hpp"
#include "bpf/provoke.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// "dropped 123" of `tc -s qdisc`.
std::uint64_t dropped_by_tc(const Netns& netns) {
  const auto text = output_of(netns, "tc -s qdisc show dev lo root");
  const auto at = text.find("(dropped ");
  EXPECT_NE(at, std::string::npos) << text;
  return at == std::string::npos ? 0 : std::strtoull(text.c_str() + at + 9, nullptr, 10);
}

std::uint64_t sum_of(const std::map<std::string, std::uint64_t>& kinds) {
  return std::accumulate(kinds.begin(), kinds.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const auto& kind) { return sum + kind.second; });
}

using DropProbes = ProbeFixture;

TEST_F(DropProbes, AgreeWithTheKernelsCountersOnAShortQueue) {
  if (!run_in(netns_, "tc qdisc add dev lo root tbf rate 40mbit burst 70kb limit 70kb")) {
    GTEST_SKIP() << "tc cannot make a tbf here";
  }
  const auto connections = connect_within(netns_, 8, {});
  watch({ProbeId::retransmits, ProbeId::drops, ProbeId::qdisc_drops});
  const auto segments_before = mib(netns_, "Tcp", "RetransSegs");
  const auto failed_before = mib(netns_, "TcpExt", "TCPRetransFail");
  const auto dropped_before = dropped_by_tc(netns_);
  const Readers readers(server_ends(connections), 262144, milliseconds(0));
  send_blocking(client_ends(connections), 65536, 12);
  // All has been acknowledged: nothing is left to be sent again.
  EXPECT_TRUE(all_acknowledged(client_ends(connections)));
  const auto segments = mib(netns_, "Tcp", "RetransSegs") - segments_before;
  const auto not_sent = mib(netns_, "TcpExt", "TCPRetransFail") - failed_before;
  const auto dropped = dropped_by_tc(netns_) - dropped_before;
  close_window();
  ASSERT_GT(segments, 0U);
  ASSERT_GT(dropped, 0U);

  const auto retransmits = probes_[0]->read();
  EXPECT_EQ(retransmits.backend, "tracepoint");
  expect_none_lost(retransmits.lost_events);
  auto kinds = retransmits.events.at("flow");
  // Of those that could not be sent, the kernel counts some: where it had tried. Where it
  // does not tell the probe of them, what a queue refused is among them.
  const bool tells_failed = retransmits.notes.empty();
  EXPECT_EQ(kinds.size(), tells_failed ? 8U : 7U);
  const auto failed = tells_failed ? kinds.at("failed") : not_sent;
  kinds.erase("failed");
  const auto sent = sum_of(kinds);
  EXPECT_TRUE(agrees(sent, segments) || agrees(sent + failed, segments))
      << sent << " and " << failed << " of " << segments;

  const auto drops = probes_[1]->read();
  const auto& reasons = drops.events.at("client");
  std::uint64_t by_qdisc = 0;
  for (const auto& [reason, count] : reasons) {
    if (reason.starts_with("QDISC")) by_qdisc += count;
  }
  EXPECT_TRUE(agrees(by_qdisc, dropped));
  auto qdiscs = probes_[2]->read().events;
  EXPECT_EQ(qdiscs.at("client").size(), 1U);
  EXPECT_TRUE(agrees(qdiscs.at("client")["tbf"], dropped));
  EXPECT_EQ(qdiscs.at("server"), (std::map<std::string, std::uint64_t>{}));
}

TEST_F(DropProbes, AReceiverWithoutMemoryDropsByProtoMem) {
  const auto limit = TcpMemoryLimit::make_for_one_side();
  if (!limit) GTEST_SKIP() << "needs cgroup v1 with memory.kmem.tcp, or a guest of its own";
  limit->set(false);
  // The receivers alone are to be short: what senders queue they may have.
  ASSERT_TRUE(run_in(netns_, "sysctl -qw net.ipv4.tcp_wmem='4194304 4194304 4194304'"));
  const auto connections =
      connect_within(netns_, 16, {.sndbuf = 1048576, .server_limit = limit.get()});
  watch({ProbeId::drops});
  const auto before = mib(netns_, "TcpExt", "TCPRcvQDrop") + mib(netns_, "TcpExt", "TCPOFODrop");
  limit->set(true);
  std::thread senders([&] { send_blocking(client_ends(connections), 65536, 10); });
  EXPECT_TRUE(eventually([&] {
    return mib(netns_, "TcpExt", "TCPRcvQDrop") + mib(netns_, "TcpExt", "TCPOFODrop") > before + 10;
  }));
  limit->set(false);
  const Readers readers(server_ends(connections), 262144, milliseconds(0));
  senders.join();
  EXPECT_TRUE(all_acknowledged(client_ends(connections)));
  const auto dropped =
      mib(netns_, "TcpExt", "TCPRcvQDrop") + mib(netns_, "TcpExt", "TCPOFODrop") - before;
  close_window();
  const auto drops = probes_[0]->read();
  auto places = drops.events;
  EXPECT_TRUE(agrees(places["client"]["PROTO_MEM"] + places["server"]["PROTO_MEM"], dropped))
      << testing::PrintToString(places);
}

TEST_F(DropProbes, OthersAreNotCounted) {
  const auto elsewhere = make_loopback();
  if (!run_in(elsewhere, "tc qdisc add dev lo root tbf rate 40mbit burst 70kb limit 70kb")) {
    GTEST_SKIP() << "tc cannot make a tbf here";
  }
  watch({ProbeId::retransmits, ProbeId::drops, ProbeId::qdisc_drops});
  // A kernel that does not say for which socket a segment was leaves its ports alone.
  const bool by_ports = !probes_[1]->read().notes.empty();
  const auto port = static_cast<std::uint16_t>(by_ports ? kTestPort + 1 : kTestPort);
  const auto connections = connect_within(elsewhere, 4, {.port = port});
  const auto before = dropped_by_tc(elsewhere);
  {
    const Readers readers(server_ends(connections), 262144, milliseconds(0));
    send_blocking(client_ends(connections), 65536, 12);
  }
  EXPECT_GT(dropped_by_tc(elsewhere), before);
  close_window();
  for (const auto& probe : probes_) {
    for (const auto& [place, kinds] : probe->read().events) EXPECT_EQ(sum_of(kinds), 0U) << place;
  }
}

// What `netstall plan` states is what the kernel then says that it has taken.
TEST(KernelProbes, TakeTheMemoryThatIsStated) {
  if (!proc_tells_map_memory()) GTEST_SKIP() << "this kernel does not say what maps take";
  const auto netns = make_loopback();
  auto options = watching(netns);
  options.connections = 10000;
  options.threads = 5000;
  for (const auto& info : probe_registry()) {
    const auto* row = kernel_probe(info.id);
    if (row == nullptr) continue;
    SCOPED_TRACE(name_of(info.id));
    const auto probe = loaded(info.id, options);
    ASSERT_TRUE(probe);
    EXPECT_TRUE(states(row->memory_bytes(options), probe->memory_in_use()));
  }
}

}  // namespace
}  // namespace netstall
