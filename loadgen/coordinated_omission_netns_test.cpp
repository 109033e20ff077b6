// An open loop forgives nothing: while no reader takes a byte, messages are due all
// the same, and their latency is what arithmetic says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/seeded.hpp"
#include "loadgen/worker_pair.hpp"

namespace netstall {
namespace {

constexpr std::uint64_t kSeed = 2;  // the client's in a pair
constexpr auto kWarmup = 200ms;
constexpr auto kWindow = 2500ms;
constexpr auto kFreeze = 1s;

// Of a percentile of latency. Sanitized, the ten messages that waited take some
// milliseconds more to be taken, and 109 ms is the shortest wait that is asked for;
// what forgives the freeze is off by all of it.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kTolerance = 0.3;
#else
constexpr double kTolerance = 0.02;
#endif

constexpr std::uint64_t kSmall = 16;

// One message in ten is more than both buffers hold, and the readers freeze shortly
// before such a one: it waits, and the nine behind it. They are small, so that to
// take them once the readers read on takes no time worth mentioning.
FlowTask open_loop(Io io) {
  auto task = task_with(1);
  task.io = io;
  task.payload.sequence.assign(10, Bytes{kSmall});
  task.payload.sequence[0] = Bytes{128 << 10};
  task.socket.sndbuf = task.socket.rcvbuf = Bytes{32 << 10};
  task.pace = PaceSpec{10};
  const MessageSizes sizes(task.payload);
  const auto stream = stream_of(kSeed, Draw::size, task.port, 0);
  const Pacer pacer(0, *task.pace, kSeed, task.port);
  auto place = pacer.first(0, 1);
  while (pacer.due(place) < Nanoseconds(400ms).count() || sizes.of(stream, place.n) == kSmall) {
    pacer.advance(place);
  }
  // The last one that waits does so for 9 ms, the one before it for 109 ms.
  task.reader.freeze = {{Nanoseconds(pacer.due(place)) - 91ms, kFreeze}};
  return task;
}

// On paper: accepted, and read, when it is due, or else when the readers read again.
std::vector<std::int64_t> latencies_on_paper(const FlowTask& task, std::uint64_t seed) {
  const Pacer pacer(0, *task.pace, seed, task.port);
  const auto from = Nanoseconds(kWarmup).count();
  const auto to = from + Nanoseconds(kWindow).count();
  const auto frozen = task.reader.freeze[0].at.count();
  const auto again = frozen + Nanoseconds(kFreeze).count();
  std::vector<std::int64_t> latencies;
  for (auto place = pacer.first(0, 1); pacer.due(place) < to; pacer.advance(place)) {
    const auto due = pacer.due(place);
    if (due >= from) latencies.push_back(due >= frozen && due < again ? again - due : 0);
  }
  std::sort(latencies.begin(), latencies.end());
  return latencies;
}

// The largest relative difference of a percentile whose latency is above 10 ms.
double worst_difference(const std::vector<std::int64_t>& paper, const Histogram& measured) {
  double worst = 0;
  for (std::size_t i = 0; i < paper.size(); ++i) {
    if (paper[i] <= 10'000'000) continue;
    // Of the value that exactly i of them do not reach.
    const double percent = (static_cast<double>(i) + 0.5) / static_cast<double>(paper.size()) * 100;
    const auto seen = static_cast<double>(measured.percentile(percent).value_or(0));
    worst = std::max(worst, std::abs(seen / static_cast<double>(paper[i]) - 1));
  }
  return worst;
}

class CoordinatedOmission : public testing::TestWithParam<Io> {};

TEST_P(CoordinatedOmission, LatencyWhileReadersAreFrozenIsWhatPaperSays) {
  if (GetParam() == Io::io_uring) SKIP_WITHOUT_IO_URING();
  const auto task = open_loop(GetParam());
  const auto paper = latencies_on_paper(task, kSeed);
  ASSERT_NEAR(static_cast<double>(paper.size()), 25, 1);
  ASSERT_NEAR(static_cast<double>(std::count_if(paper.begin(), paper.end(),
                                                [](std::int64_t ns) { return ns > 10'000'000; })),
              9, 0);
  // Others may have the CPU just when the readers wake up; not five times.
  double worst = 0;
  double worst_delivery = 0;
  std::uint64_t messages = 0;
  std::uint64_t delivered = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {
    WorkerPair pair({task});
    pair.run(kWarmup, kWindow);
    const auto& sent = *pair.sent(Side::client).sent;
    messages = sent.messages;
    worst = worst_difference(paper, sent.send_latency);
    const auto& delivery = pair.read(Side::client).delivery;
    ASSERT_TRUE(delivery);
    delivered = delivery->count();
    worst_delivery = worst_difference(paper, *delivery);
    pair.close();
    if (messages == paper.size() && delivered == paper.size() && worst < kTolerance &&
        worst_delivery < kTolerance) {
      return;
    }
  }
  EXPECT_EQ(messages, paper.size());
  EXPECT_EQ(delivered, paper.size());
  EXPECT_LT(worst, kTolerance);
  EXPECT_LT(worst_delivery, kTolerance);
}

INSTANTIATE_TEST_SUITE_P(Worker, CoordinatedOmission,
                         testing::Values(Io::blocking, Io::nonblocking, Io::level_triggered,
                                         Io::io_uring),
                         [](const auto& io) {
                           std::string name(name_of(io.param));
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace netstall
