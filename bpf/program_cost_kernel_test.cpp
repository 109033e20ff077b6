// What the probe costs, and that it can be known.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <optional>
#include <string>
#include <vector>

#include "bpf/probe_fixture.hpp"
#include "bpf/program_cost.hpp"
#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"
#include "bpf/support.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;

class SendWaitCost : public ::testing::TestWithParam<SendWaitBackend> {
 protected:
  void load(std::uint32_t blocking, std::uint32_t nonblocking) {
    auto loaded = SendWait::load(probe_options(GetParam(), netns_, blocking, nonblocking));
    if (!loaded.probe) {
      GTEST_SKIP() << name_of(GetParam()) << " does not load here: " << loaded.failed.back().why;
    }
    probe_ = std::move(loaded.probe);
  }

  // A thousand sends of which none can block.
  void send_freely() {
    const auto connections = connect_within(netns_, 1, {});
    const Readers readers(server_ends(connections), 1 << 20, milliseconds(1));
    EXPECT_EQ(send_blocking(client_ends(connections), 1024, 1000).sends, 1000U);
  }

  const Netns netns_ = make_loopback();
  std::optional<SendWait> probe_;
};

TEST_P(SendWaitCost, CountsRunsAndTime) {
  load(2, 0);
  if (!probe_) return;
  const auto connections = connect_within(netns_, 2, {.sndbuf = 8192, .rcvbuf = 8192});
  const ProgramCost cost(probe_->programs());
  EXPECT_EQ(cost.by_program().size(), probe_->programs().size());
  const Readers readers(server_ends(connections), 8192, milliseconds(1));
  const auto own = send_blocking(client_ends(connections), 16384, 20);
  EXPECT_GE(cost.total().runs, own.waits);
  EXPECT_GT(cost.total().time_ns, 0U);
}

// Blocking senders, watched by fentry: no program but the one for threads that come
// back from another's turn on the CPU.
TEST_P(SendWaitCost, AFreeSendRunsNoProgramOfFentry) {
  if (GetParam() != SendWaitBackend::fentry) GTEST_SKIP() << "of fentry alone";
  load(1, 0);
  if (!probe_) return;
  const ProgramCost cost(probe_->programs());
  send_freely();
  const auto costs = cost.by_program();
  EXPECT_EQ(costs.at("on_wait").runs, 0U);
  EXPECT_EQ(costs.at("on_waited").runs, 0U);
  EXPECT_EQ(costs.count("on_sent"), 0U);
  EXPECT_EQ(costs.count("on_sent_fexit"), 0U);
  EXPECT_EQ(costs.at("on_refused").runs, 0U);
  EXPECT_EQ(probe_->notes().size(), 0U);
}

TEST_P(SendWaitCost, SaysWhereEachSendRunsAProgram) {
  load(1, 1);
  if (!probe_) return;
  const ProgramCost cost(probe_->programs());
  send_freely();
  EXPECT_GE(cost.total().runs, 1000U);
  EXPECT_THAT(probe_->notes(),
              ::testing::Contains(::testing::AnyOf(::testing::HasSubstr("costs every send()"),
                                                   ::testing::HasSubstr("each system call"))));
}

TEST_P(SendWaitCost, KnowsTheMemoryOfItsMaps) {
  if (!proc_tells_map_memory()) GTEST_SKIP() << "this kernel does not say what maps take";
  load(1000, 100'000);
  if (!probe_) return;
  std::uint64_t bytes = 0;
  for (int fd = 3; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) bytes += map_bytes(fd);
  }
  EXPECT_TRUE(states(probe_->memory_bytes(), bytes));
}

INSTANTIATE_TEST_SUITE_P(By, SendWaitCost, ::testing::ValuesIn(all_backends()),
                         [](const auto& backend) { return std::string(name_of(backend.param)); });

TEST(BpfSupport, SaysWhichBackendsLoad) {
  EXPECT_EQ(why_no_bpf(), std::nullopt);
  const auto checks = check_send_wait_backends();
  ASSERT_EQ(checks.size(), all_backends().size());
  const auto netns = make_loopback();
  for (const auto& check : checks) {
    const auto loaded = SendWait::load(probe_options(check.backend, netns, 1));
    EXPECT_EQ(loaded.probe.has_value(), !check.why_not.has_value()) << name_of(check.backend);
    EXPECT_NE(check.why_not, std::optional<std::string>(""));
  }
}

}  // namespace
}  // namespace netstall
