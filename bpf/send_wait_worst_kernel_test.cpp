// The longest stalls: a planted one is the first of them, with the connection, socket
// and stack that it had.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <thread>

#include "base/file.hpp"
#include "bpf/offenders.h"
#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::Each;
using testing::Ge;
using testing::SizeIs;

std::string endpoint(int fd, int (*which)(int, sockaddr*, socklen_t*)) {
  sockaddr_in6 address{};
  socklen_t length = sizeof address;
  EXPECT_EQ(which(fd, reinterpret_cast<sockaddr*>(&address), &length), 0);
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sin6_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
    return fmt::format("[{}]:{}", text.data(), ntohs(address.sin6_port));
  }
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address);
  ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
  return fmt::format("{}:{}", text.data(), ntohs(v4->sin_port));
}

// What `ss -tm` shows of a socket.
std::array<std::uint32_t, SK_MEMINFO_VARS> meminfo(int fd) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t length = sizeof info;
  EXPECT_EQ(::getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info.data(), &length), 0);
  return info;
}

class WorstStalls : public testing::TestWithParam<SendWaitBackend> {
 protected:
  void SetUp() override {
    if (const auto loaded = SendWait::load(probe_options(GetParam(), netns_, 1)); !loaded.probe) {
      GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << loaded.failed.back().why;
    }
  }

  void watch(std::uint32_t blocking, std::uint32_t nonblocking = 0) {
    auto options = probe_options(GetParam(), netns_, blocking, nonblocking);
    options.keep_worst = true;
    auto loaded = SendWait::load(options);
    ASSERT_TRUE(loaded.probe);
    probe_ = std::move(loaded.probe);
    from_ = mono_now();
    probe_->set_window(from_, from_ + seconds(170));
  }

  SendWait::Reading read() {
    probe_->set_window(from_, mono_now());
    return probe_->read();
  }

  const Netns netns_ = make_loopback();
  std::optional<SendWait> probe_;
  MonoTime from_;
};

TEST_P(WorstStalls, ThePlantedOneIsTheFirst) {
  for (const bool ipv6 : {false, true}) {
    SCOPED_TRACE(ipv6);
    const auto connections =
        connect_within(netns_, 5, {.sndbuf = 65536, .rcvbuf = 65536, .ipv6 = ipv6});
    watch(5);
    auto clients = client_ends(connections);
    auto servers = server_ends(connections);
    const int planted = clients.back();
    const int kept = servers.back();
    clients.pop_back();
    servers.pop_back();
    // Four whose stalls are of milliseconds; and one that nobody reads for half a second.
    const Readers readers(servers, 65536, milliseconds(2));
    std::thread others([&] { send_blocking(clients, 32768, 60); });
    OwnClock own;
    std::thread sender([&] { own = send_blocking({planted}, 1048576, 1); });
    others.join();
    EXPECT_TRUE(settles({planted}, [&] { return probe_->blocked_now() == 1; }))
        << probe_->blocked_now();
    const auto while_blocked = meminfo(planted);
    EXPECT_TRUE(eventually([&] { return mono_now() - from_ > milliseconds(700); }));
    {
      const Readers reader({kept}, 1048576, milliseconds(0));
      sender.join();
    }
    const auto reading = read();
    ASSERT_THAT(reading.worst, SizeIs(Ge(2U)));
    EXPECT_EQ(reading.worst_flows, std::vector<std::uint32_t>(reading.worst.size(), 0));
    const auto& worst = reading.worst.front();
    EXPECT_EQ(worst.local, endpoint(planted, ::getsockname));
    EXPECT_EQ(worst.remote, endpoint(planted, ::getpeername));
    EXPECT_EQ(worst.cause, Cause::sndbuf_full);
    EXPECT_EQ(worst.sub_cause, SubCause::peer_window);
    // A send() may also leave the CPU for a lock.
    EXPECT_GE(worst.waits, 1U);
    EXPECT_LE(worst.waits, own.waits);
    EXPECT_FALSE(worst.open_at_end);
    EXPECT_GE(worst.began_ns, 0);
    EXPECT_LE(worst.duration_ns, own.wall_ns);
    EXPECT_GE(static_cast<double>(worst.duration_ns),
              0.9 * (static_cast<double>(own.off_cpu_ns) - static_cast<double>(own.queued_ns)));
    EXPECT_GE(worst.duration_ns, 300'000'000U);
    EXPECT_EQ(worst.sndbuf_bytes, while_blocked[SK_MEMINFO_SNDBUF]);
    EXPECT_GE(worst.queued_bytes, worst.sndbuf_bytes / 2);
    EXPECT_GT(worst.tcp_mem_pages, 0U);
    ASSERT_TRUE(worst.stack) << worst.no_stack.value_or("no reason");
    EXPECT_THAT(*worst.stack, Contains("sk_stream_wait_memory"));
    EXPECT_THAT(*worst.stack, Contains("tcp_sendmsg"));
    EXPECT_THAT(*worst.stack, Each(testing::Not(testing::StartsWith("bpf_"))));
    for (std::size_t i = 1; i < reading.worst.size(); ++i) {
      EXPECT_LE(reading.worst[i].duration_ns, reading.worst[i - 1].duration_ns);
      EXPECT_NE(reading.worst[i].local, worst.local);
    }
    EXPECT_EQ(reading.worst.front().duration_ns,
              reading.per_flow[0].total.duration.max().value_or(0));
  }
}

// The longest are often those that never end.
TEST_P(WorstStalls, AreAlsoThoseThatTheWindowsEndCuts) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 65536, .rcvbuf = 65536});
  watch(1);
  const int planted = connections.front().client.get();
  std::thread sender([&] { send_blocking({planted}, 1048576, 1); });
  EXPECT_TRUE(settles({planted}, [&] { return probe_->blocked_now() == 1; }));
  const auto while_blocked = meminfo(planted);
  const auto reading = read();
  {
    const Readers reader({connections.front().server.get()}, 1048576, milliseconds(0));
    sender.join();
  }
  ASSERT_THAT(reading.worst, SizeIs(1U));
  const auto& worst = reading.worst.front();
  EXPECT_TRUE(worst.open_at_end);
  EXPECT_EQ(worst.local, endpoint(planted, ::getsockname));
  // What was acknowledged since, less than would have woken it, is in its queue no more.
  EXPECT_GE(worst.queued_bytes, while_blocked[SK_MEMINFO_WMEM_QUEUED]);
  EXPECT_LE(worst.queued_bytes, 2 * worst.sndbuf_bytes);
  EXPECT_EQ(worst.sndbuf_bytes, while_blocked[SK_MEMINFO_SNDBUF]);
  EXPECT_EQ(worst.duration_ns, reading.per_flow[0].total.time_ns);
  ASSERT_TRUE(worst.stack) << worst.no_stack.value_or("no reason");
  EXPECT_THAT(*worst.stack, Contains("sk_stream_wait_memory"));
}

TEST_P(WorstStalls, OfASenderThatDoesNotBlockHaveNoStack) {
  const auto connections = connect_within(netns_, 1, {.sndbuf = 65536, .rcvbuf = 65536});
  watch(0, 1);
  const Readers readers(server_ends(connections), 65536, milliseconds(5));
  const auto own = send_nonblocking(client_ends(connections), 262144, 3);
  EXPECT_GT(own.stalls, 0U);
  const auto reading = read();
  ASSERT_FALSE(reading.worst.empty());
  EXPECT_FALSE(reading.worst.front().stack);
  EXPECT_TRUE(reading.worst.front().no_stack);
  EXPECT_EQ(reading.worst.front().local, endpoint(connections.front().client.get(), ::getsockname));
  EXPECT_EQ(reading.worst.front().duration_ns,
            reading.per_flow[0].total.duration.max().value_or(0));
}

// Of a thousand stalls the report has the longest, to the last one.
TEST_P(WorstStalls, AreTheLongestOfAll) {
  const auto connections = connect_within(netns_, 8, {.sndbuf = 65536, .rcvbuf = 65536});
  watch(8);
  const Readers readers(server_ends(connections), 32768, milliseconds(3));
  send_blocking(client_ends(connections), 32768, 150);
  const auto reading = read();
  const auto& durations = reading.per_flow[0].total.duration;
  ASSERT_GT(durations.count(), 100U);
  ASSERT_THAT(reading.worst, SizeIs(NETSTALL_OFFENDERS));
  Histogram longest;
  for (const auto& one : reading.worst) longest.record(one.duration_ns);
  // As many stalls lie at or above the shortest of them as there are (three digits).
  // Those that two programs wanted to keep at once may be missing.
  const double share =
      100.0 * (1.0 - static_cast<double>(NETSTALL_OFFENDERS + reading.lost_offenders) /
                         static_cast<double>(durations.count()));
  const auto below = durations.percentile(share);
  ASSERT_TRUE(below);
  EXPECT_GE(static_cast<double>(*longest.min()), 0.998 * static_cast<double>(*below));
}

INSTANTIATE_TEST_SUITE_P(Backends, WorstStalls, testing::ValuesIn(all_backends()),
                         [](const auto& backend) { return std::string(name_of(backend.param)); });

}  // namespace
}  // namespace netstall
