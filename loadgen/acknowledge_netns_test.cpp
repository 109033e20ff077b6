// A message's three times: accepted by the sender's kernel, acknowledged by the reader's,
// acknowledged by the reading program.
#include <gtest/gtest.h>

#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

class Acknowledge : public testing::TestWithParam<Io> {
 protected:
  void SetUp() override {
    if (GetParam() == Io::io_uring) SKIP_WITHOUT_IO_URING();
  }
  static FlowTask task(std::uint32_t connections) {
    auto task = task_with(connections);
    task.io = GetParam();
    task.acknowledge = true;
    return task;
  }
};

double percentile(const Histogram& histogram, double percent) {
  return static_cast<double>(histogram.percentile(percent).value_or(0));
}

// Each message's kernel is before its program, so each percentile is, where it is known of all.
void expect_in_order(const SentResult& sent) {
  ASSERT_TRUE(sent.acked && sent.kernel_acked);
  EXPECT_LE(percentile(*sent.kernel_acked, 100), percentile(*sent.acked, 100));
  if (sent.kernel_acked->count() != sent.acked->count()) return;
  for (const double percent : {1.0, 10.0, 50.0, 90.0, 99.0, 100.0}) {
    EXPECT_LE(percentile(*sent.kernel_acked, percent), percentile(*sent.acked, percent)) << percent;
  }
}

TEST_P(Acknowledge, TheThreeTimesAreInOrder) {
  auto task = this->task(4);
  task.payload.fixed = Bytes{5'000};
  task.pace = PaceSpec{250};
  WorkerPair pair({task});
  pair.run(100ms, 1s);
  const auto& sent = *pair.sent(Side::client).sent;
  EXPECT_NEAR(static_cast<double>(sent.messages), 1'000, 150);
  // What is on its way at either edge.
  EXPECT_NEAR(static_cast<double>(sent.acked->count()), static_cast<double>(sent.messages), 60);
  EXPECT_EQ(sent.kernel_acked->count(), sent.acked->count());
  expect_in_order(sent);
  EXPECT_FALSE(pair.sent(Side::client).bytes_read) << "acknowledgements are no goodput";
  EXPECT_EQ(pair.sent(Side::client).alive, 4U);
  EXPECT_TRUE(pair.sent(Side::client).errors.empty());
  EXPECT_NEAR(static_cast<double>(*pair.read(Side::client).bytes_read), 5e6, 1e6);
  pair.close();
}

// Messages of all sizes share segments, which may be read before they are whole, and some are
// too short to say when they were due.
TEST_P(Acknowledge, AtFullSpeedAndOfEverySize) {
  auto task = this->task(3);
  task.payload.sequence = {Bytes{1}, Bytes{9}, Bytes{10}, Bytes{100}, Bytes{70'000}, Bytes{3'000}};
  task.family = Family::ipv6;
  WorkerPair pair({task});
  pair.run(100ms, 500ms);
  const auto& sent = *pair.sent(Side::client).sent;
  EXPECT_GT(sent.messages, 600U);
  EXPECT_NEAR(static_cast<double>(sent.acked->count()), static_cast<double>(sent.messages) * 4 / 6,
              static_cast<double>(sent.messages) / 10);
  EXPECT_LE(sent.kernel_acked->count(), sent.acked->count());
  EXPECT_GT(sent.kernel_acked->count(), sent.acked->count() / 2);
  expect_in_order(sent);
  EXPECT_EQ(pair.sent(Side::client).alive, 3U)
      << testing::PrintToString(pair.sent(Side::client).errors);
  pair.close();
}

// While the readers are frozen their kernel takes, and acknowledges, what they do not read.
TEST_P(Acknowledge, AFrozenProgramAcknowledgesWhenItReadsAgainAndItsKernelAtOnce) {
  auto task = this->task(1);
  task.payload.fixed = Bytes{100};
  task.pace = PaceSpec{50};
  task.reader.freeze = {{400ms, 1s}};
  WorkerPair pair({task});
  pair.run(100ms, 2s);
  const auto& sent = *pair.sent(Side::client).sent;
  EXPECT_EQ(sent.kernel_acked->count(), sent.acked->count());
  expect_in_order(sent);
  // On paper: due every 20 ms of the second, and read at its end, or a little later.
  EXPECT_GE(percentile(*sent.acked, 100), 0.97e9);
  EXPECT_LT(percentile(*sent.acked, 100), 1.5e9);
  // Of 100 messages half wait for the reader. No kernel waits longer than 200 ms, the longest
  // that TCP delays an acknowledgement.
  EXPECT_GE(percentile(*sent.acked, 90), 0.7e9);
  EXPECT_LT(percentile(*sent.kernel_acked, 90), percentile(*sent.acked, 90) / 2);
  EXPECT_LT(percentile(*sent.kernel_acked, 100), percentile(*sent.acked, 100) - 3e8);
  // And the sender's had taken them all along.
  EXPECT_LT(percentile(sent.send_latency, 90), 2e8);
  pair.close();
}

// As it is by default.
TEST_P(Acknowledge, WithoutItNothingComesBack) {
  auto task = this->task(2);
  task.acknowledge = false;
  task.pace = PaceSpec{100};
  WorkerPair pair({task});
  pair.run(50ms, 200ms);
  EXPECT_FALSE(pair.sent(Side::client).sent->acked);
  EXPECT_FALSE(pair.sent(Side::client).sent->kernel_acked);
  pair.close();
}

INSTANTIATE_TEST_SUITE_P(Worker, Acknowledge,
                         testing::Values(Io::blocking, Io::nonblocking, Io::level_triggered,
                                         Io::io_uring),
                         [](const auto& io) {
                           std::string name(name_of(io.param));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace netstall
