// Streams that send from where their bytes are.
#include <gtest/gtest.h>

#include "base/file.hpp"
#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

class ZerocopyByIo : public testing::TestWithParam<Io> {
 protected:
  static FlowTask stream() {
    auto task = task_with(2);
    task.io = GetParam();
    // Beyond 512 KiB the kernel gives each send() a notification of its own.
    task.payload.fixed = Bytes{600 << 10};
    task.socket.zerocopy = true;
    // Each send() counts whole as locked memory (RLIMIT_MEMLOCK), whatever was taken of it.
    task.socket.sndbuf = Bytes{128 << 10};
    // So that few messages are under way where the window is cut.
    task.socket.rcvbuf = Bytes{256 << 10};
    return task;
  }
  // Before sockets are made.
  static void set(const WorkerPair& pair, const char* file, const char* value) {
    const ScopedNetns inside(pair.netns.get());
    ASSERT_EQ(write_kernel_file(file, value), 0);
  }
  static constexpr const char* kOptmem = "/proc/sys/net/core/optmem_max";
  static bool has_own_optmem() {
    const LoopbackNetns netns;
    const ScopedNetns inside(netns.get());
    return try_read_file(kOptmem).has_value();
  }
};

TEST_P(ZerocopyByIo, CompletionsAreReadAndMessagesStayWhole) {
  WorkerPair pair({stream()});
  pair.run(100ms, 500ms);
  const auto& part = pair.sent(Side::client);
  ASSERT_TRUE(part.sent && part.sent->zerocopy);
  const auto& zerocopy = *part.sent->zerocopy;
  EXPECT_GT(part.sent->messages, 20U);
  // One at the least for each message, and some are read later.
  EXPECT_GE(zerocopy.sends, part.sent->messages - 4);
  EXPECT_GT(zerocopy.completed, 0U);
  EXPECT_NEAR(static_cast<double>(zerocopy.completed), static_cast<double>(zerocopy.sends),
              0.1 * static_cast<double>(zerocopy.sends) + 64);
  // What is delivered on this machine is copied, and the kernel says so.
  EXPECT_EQ(zerocopy.copied, zerocopy.completed);
  EXPECT_EQ(zerocopy.refused, 0U);
  EXPECT_EQ(part.alive, 2U) << testing::PrintToString(part.errors);
  // A reader that met bytes of another message would find them garbled.
  const auto& read = pair.read(Side::client);
  EXPECT_TRUE(read.errors.empty()) << testing::PrintToString(read.errors);
  EXPECT_NEAR(static_cast<double>(read.delivery->count()), static_cast<double>(part.sent->messages),
              8);
  EXPECT_EQ(part.options.at("zerocopy"), "true");
  pair.close();
}

TEST_P(ZerocopyByIo, WithoutMemoryForNotificationsBytesAreCopiedAndThatIsCounted) {
  if (!has_own_optmem()) GTEST_SKIP() << "net.core.optmem_max is the host's before Linux 6.8";
  WorkerPair pair({stream()});
  set(pair, kOptmem, "256");
  pair.run(100ms, 300ms);
  const auto& part = pair.sent(Side::client);
  const auto& zerocopy = *part.sent->zerocopy;
  EXPECT_GT(part.sent->messages, 20U);
  EXPECT_GE(zerocopy.refused, part.sent->messages - 4);
  EXPECT_EQ(zerocopy.sends, 0U);
  EXPECT_EQ(zerocopy.completed, 0U);
  EXPECT_EQ(part.alive, 2U) << testing::PrintToString(part.errors);
  EXPECT_TRUE(pair.read(Side::client).errors.empty());
  pair.close();
}

// A notification takes 576 bytes at the least, and the smaller optmem_max holds none beyond
// the seventh: what stands in a buffer behind a reader that does not read is on paper.
TEST_P(ZerocopyByIo, AsManyStandAsThereIsMemoryFor) {
  if (!has_own_optmem()) GTEST_SKIP() << "net.core.optmem_max is the host's before Linux 6.8";
  auto task = stream();
  task.connections = 1;
  task.socket.sndbuf.reset();
  task.reader.stop_after = 0ns;
  WorkerPair pair({task});
  set(pair, kOptmem, "4096");
  set(pair, "/proc/sys/net/ipv4/tcp_wmem", "4096 67108864 67108864");
  pair.run(0ns, 500ms);
  const auto& zerocopy = *pair.sent(Side::client).sent->zerocopy;
  // Those whose bytes are through the loopback are over, copied: the receive buffer's.
  const auto standing = zerocopy.sends - zerocopy.completed;
  EXPECT_GE(standing, 1U);
  EXPECT_LE(standing, 7U);
  EXPECT_GT(zerocopy.refused, 10U);
  pair.close();
}

INSTANTIATE_TEST_SUITE_P(Worker, ZerocopyByIo, testing::Values(Io::blocking, Io::nonblocking),
                         [](const auto& io) { return std::string(name_of(io.param)); });

}  // namespace
}  // namespace netstall
