// Senders and readers face to face over Unix socket pairs: no network needed.
#include "loadgen/senders.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <numeric>
#include <optional>

#include "base/clock.hpp"
#include "loadgen/blocking_senders.hpp"
#include "loadgen/edge_watch.hpp"
#include "loadgen/nonblocking_senders.hpp"
#include "loadgen/readers.hpp"
#include "loadgen/ring_senders.hpp"
#include "loadgen/ring_test.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kNoEnd = std::int64_t{1} << 61;

// As a test's name may be.
std::string io_name(Io io) {
  std::string name(name_of(io));
  std::erase(name, '-');
  return name;
}

class Face : public testing::TestWithParam<Io> {
 protected:
  // The tasks' connections between senders and readers.
  void make(const FlowTask& task) {
    task_ = task;
    task_.io = GetParam();
    payload_.assign(SizeDistribution(task.payload).largest(), 'x');
    buffer_.resize(read_size(task_));
    if (task_.io == Io::blocking) {
      auto blocking = std::make_unique<BlockingSenders>(task_, 1, payload_);
      blocking_ = blocking.get();
      senders_ = std::move(blocking);
    } else if (task_.io == Io::io_uring) {
      senders_ = std::make_unique<RingSenders>(*io_, task_, 1, payload_);
    } else {
      senders_ = std::make_unique<NonblockingSenders>(*io_, task_, 1, payload_);
    }
    readers_.emplace(*io_, task_, 1, buffer_, false);
    for (std::uint32_t i = 0; i < task_.connections; ++i) {
      std::array<int, 2> ends{};
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
      senders_->adopt(Fd(ends[0]));
      readers_->adopt(Fd(ends[1]));
    }
    senders_->prepare();
  }

  void start(std::int64_t from, const Window& window) {
    readers_->start(from, window);
    senders_->start(from, window);
    if (blocking_ != nullptr) edge_watch_.emplace(std::vector{blocking_}, window);
  }

  template <class Condition>
  bool run_until(Condition condition, Nanoseconds within = 20s) {
    const Deadline deadline(within);
    while (!condition()) {
      if (deadline.passed()) return false;
      io_->restart();
      io_->run_one_for(1ms);
    }
    return true;
  }
  void run_to(std::int64_t at_ns) {
    run_until([&] { return mono_now().ns >= at_ns; });
  }

  Senders::Collected collect() {
    if (edge_watch_) edge_watch_->finish();
    return senders_->collect();
  }

  void SetUp() override {
    if (kRing) SKIP_WITHOUT_IO_URING();
    io_.emplace(ASIO_CONCURRENCY_HINT_UNSAFE);
  }

  void TearDown() override {
    if (!io_) return;
    edge_watch_.reset();
    senders_->stop();
    readers_->stop();
    // Operations live in the connections: let them end first.
    io_->restart();
    io_->run();
    senders_.reset();
    readers_.reset();
    io_.reset();
  }

  std::optional<asio::io_context> io_;  // none where there is no ring
  FlowTask task_;
  std::string payload_;
  std::vector<char> buffer_;
  std::unique_ptr<Senders> senders_;
  BlockingSenders* blocking_ = nullptr;
  std::optional<Readers> readers_;
  std::optional<EdgeWatch> edge_watch_;
};

// Bytes that the senders' sockets took are read, all of them and once.
TEST_P(Face, NoByteIsLostOrCountedTwice) {
  FlowTask task;
  task.connections = 5;
  task.payload.fixed = Bytes{3'000};
  make(task);
  std::uint64_t messages = 0;
  const auto now = mono_now().ns;
  start(now, {now, kNoEnd});
  run_to(now + 200'000'000);
  edge_watch_.reset();
  if (blocking_ != nullptr) {
    senders_->stop();
    for (const auto& thread : blocking_->threads()) messages += thread.accepted();
  } else {
    messages = senders_->collect().tally.messages;
    senders_->stop();
  }
  // All are at their end of file.
  ASSERT_TRUE(run_until([&] { return readers_->collect().alive == 0; }));
  EXPECT_GT(messages, 1'000U);
  EXPECT_GE(readers_->bytes_in_window(), messages * 3'000);
  // Each connection was stopped within one message, which a ring may have sent whole.
  EXPECT_LE(readers_->bytes_in_window(), (messages + 5) * 3'000 - (kRing ? 0 : 1));
  EXPECT_EQ(readers_->collect().errors, (ErrorCounts{{"EOF", 5}}));
  // Each of them was marked, and its reader knows when it was whole.
  EXPECT_EQ(readers_->collect().delivery->count(), readers_->bytes_in_window() / 3'000);
}

TEST_P(Face, DeliveryIsKnownOfMessagesThatAreLargeEnough) {
  FlowTask task;
  task.connections = 2;
  // Ten bytes hold a mark; some begin in the middle of what is read at once.
  task.payload.sequence = {Bytes{9}, Bytes{10}, Bytes{1}, Bytes{65}, Bytes{2'000}};
  task.reader.chunk = Bytes{7};
  task.reader.freeze = {{Nanoseconds(0), 100ms}};
  task.pace = PaceSpec{1'000};
  make(task);
  const auto from = mono_now().ns;
  const Window window{from, from + 400'000'000};
  start(from, window);
  run_to(window.to);
  const auto messages = collect().tally.messages;
  EXPECT_NEAR(static_cast<double>(messages), 800, 100);
  const auto delivery = *readers_->collect().delivery;
  EXPECT_NEAR(static_cast<double>(delivery.count()), static_cast<double>(messages) * 3 / 5, 60);
  // The first one was due when they froze.
  EXPECT_NEAR(static_cast<double>(delivery.max().value_or(0)), 1e8, 3e7);
  EXPECT_TRUE(readers_->collect().errors.empty());
}

TEST_P(Face, NoSendIsInVainWhereSocketsSayWhatTheyCanTake) {
  FlowTask task;
  task.connections = 4;
  task.reader.bytes_per_s = 400'000;
  task.reader.chunk = Bytes{4'000};
  make(task);
  const auto from = mono_now().ns;
  start(from, {from, from + 400'000'000});
  run_to(from + 400'000'000);
  const auto collected = collect();
  EXPECT_GT(collected.tally.stalls.count, 3U);
  if (GetParam() == Io::blocking || kRing) {
    EXPECT_FALSE(collected.vain_sends);
  } else {
    EXPECT_EQ(collected.vain_sends, 0U);
  }
}

TEST_P(Face, DeliveryIsUnknownWhereNoMessageCanSay) {
  FlowTask task;
  task.payload.fixed = Bytes{9};
  task.connections = 1;
  task.pace = PaceSpec{1'000};
  make(task);
  const auto from = mono_now().ns;
  const Window window{from, from + 100'000'000};
  start(from, window);
  run_to(window.to);
  EXPECT_GT(collect().tally.messages, 50U);
  EXPECT_GT(readers_->bytes_in_window(), 50U * 9);
  EXPECT_FALSE(readers_->collect().delivery);
}

TEST_P(Face, APaceThatSpinsIsTheSamePace) {
  FlowTask task;
  task.connections = 10;
  task.payload.fixed = Bytes{100};
  task.pace = PaceSpec{500};
  // Sometimes asleep, sometimes not: each connection's are due every 2 ms.
  task.pace->spin = 200us;
  make(task);
  const auto from = mono_now().ns;
  const Window window{from + 100'000'000, from + 300'000'000};
  start(from, window);
  run_to(window.to);
  const auto collected = collect();
  EXPECT_NEAR(static_cast<double>(collected.tally.messages), 1'000,
              50 + static_cast<double>(collected.backlog));
}

TEST_P(Face, PaceIsKeptWhateverTheSocketDoes) {
  FlowTask task;
  task.connections = 10;
  task.payload.fixed = Bytes{100};
  task.pace = PaceSpec{500};
  make(task);
  const auto from = mono_now().ns;
  const Window window{from + 100'000'000, from + 500'000'000};
  start(from, window);
  run_to(window.to);
  const auto collected = collect();
  // 10 · 500/s · 0.4 s; what is late at one edge is missing, or in the backlog.
  EXPECT_NEAR(static_cast<double>(collected.tally.messages), 2'000,
              50 + static_cast<double>(collected.backlog));
  EXPECT_EQ(collected.tally.send_latency.count(), collected.tally.messages);
  EXPECT_EQ(collected.alive, 10U);
  EXPECT_EQ(collected.sndbuf.count(), 10U);
}

TEST_P(Face, SizesAndTimesComeByTheirDistributions) {
  FlowTask task;
  task.connections = 10;
  task.payload.weighted = {{Bytes{100}, 1}, {Bytes{1'900}, 1}};
  task.pace = PaceSpec{500, Arrival::poisson};
  make(task);
  const auto from = mono_now().ns;
  const Window window{from, from + 400'000'000};
  start(from, window);
  run_to(window.to);
  const auto collected = collect();
  // 10 · 500/s · 0.4 s: four standard deviations of Poisson's.
  EXPECT_NEAR(static_cast<double>(collected.tally.messages + collected.backlog), 2'000, 180);
  // What was sent has the mean size of 1,000 bytes, each ± 900.
  EXPECT_NEAR(static_cast<double>(readers_->bytes_in_window()) /
                  static_cast<double>(collected.tally.messages),
              1'000, 4 * 900 / 40.0 + 50);
}

TEST_P(Face, FrozenReadersTakeNothingUntilTheyResume) {
  FlowTask task;
  task.connections = 3;
  task.payload.fixed = Bytes{10'000};
  task.reader.freeze = {{100ms, 200ms}, {400ms, 100ms}};
  make(task);
  const auto from = mono_now().ns;
  start(from, {from, kNoEnd});
  const auto at = [&](std::int64_t ms) {
    run_to(from + ms * 1'000'000);
    return readers_->bytes_in_window();
  };
  const auto early = at(60);
  EXPECT_GT(early, 0U);
  // What came while it froze may be counted a little later.
  const auto frozen = at(200);
  EXPECT_EQ(at(280), frozen);
  EXPECT_EQ(senders_->blocked_now(), 3U);
  EXPECT_GT(at(390), frozen);
  const auto again = at(460);
  EXPECT_EQ(at(490), again);
  EXPECT_GT(at(700), again);
  edge_watch_.reset();
}

TEST_P(Face, AShareOfTheReadersIsSlow) {
  FlowTask task;
  task.connections = 10;
  task.payload.fixed = Bytes{1'000};
  task.reader.stop_after = 0ns;
  task.reader.share = 0.3;
  make(task);
  const auto from = mono_now().ns;
  start(from, {from, kNoEnd});
  // Three are never read; the others are blocked for moments.
  run_to(from + 200'000'000);
  EXPECT_GT(readers_->bytes_in_window(), 1'000'000U);
  EXPECT_TRUE(run_until([&] { return senders_->blocked_now() >= 3; }));
  edge_watch_.reset();
  senders_->stop();
  // Only those that are read come to their end of file.
  EXPECT_TRUE(run_until([&] { return readers_->collect().alive == 3; }));
  EXPECT_EQ(readers_->collect().errors.at("EOF"), 7U);
}

TEST_P(Face, LimitedReadersFreezeToo) {
  FlowTask task;
  task.connections = 4;
  task.reader.bytes_per_s = 400'000;
  task.reader.chunk = Bytes{4'000};
  task.reader.freeze = {{100ms, 200ms}};
  make(task);
  const auto from = mono_now().ns;
  start(from, {from, from + 600'000'000});
  run_to(from + 600'000'000);
  // 4 · 400 kB/s for 0.4 s of 0.6.
  EXPECT_NEAR(static_cast<double>(readers_->bytes_in_window()), 640'000, 64'000);
  collect();
}

TEST_P(Face, BacklogIsWhatWasDueAndDidNotGoOut) {
  FlowTask task;
  task.connections = 2;
  task.payload.fixed = Bytes{100'000};
  task.pace = PaceSpec{100};
  task.reader.stop_after = 0ns;
  make(task);
  const auto from = mono_now().ns;
  const Window window{from, from + 300'000'000};
  start(from, window);
  run_to(window.to);
  const auto collected = collect();
  // 30 each were due; the socket pair holds two or so.
  const auto accepted = 60 - collected.backlog;
  EXPECT_EQ(collected.tally.messages, accepted);
  EXPECT_GT(collected.backlog, 40U);
  EXPECT_LT(collected.backlog, 60U);
}

TEST_P(Face, AReaderThatStopsForEverMakesOpenStalls) {
  FlowTask task;
  task.connections = 3;
  task.reader.stop_after = 0ns;
  make(task);
  const auto from = mono_now().ns;
  const Window window{from + 200'000'000, from + 500'000'000};
  start(from, window);
  EXPECT_TRUE(run_until([&] { return senders_->blocked_now() == 3; }));
  ASSERT_LT(mono_now().ns, window.from) << "this machine is too busy for the test";
  run_to(window.to);
  EXPECT_EQ(senders_->blocked_now(), 3U);
  const auto stalls = collect().tally.stalls;
  EXPECT_EQ(stalls.count, 3U);
  EXPECT_EQ(stalls.waits, 3U);
  EXPECT_EQ(stalls.open_at_start, 3U);
  EXPECT_EQ(stalls.open_at_end, 3U);
  // Clipped at both edges.
  EXPECT_EQ(stalls.time_ns, 3U * 300'000'000);
  EXPECT_EQ(stalls.unsure_waits, 0U);
  EXPECT_EQ(stalls.unsure_open, 0U);
}

TEST_P(Face, FastReadersMakeNoStalls) {
  FlowTask task;
  task.connections = 4;
  task.payload.fixed = Bytes{200};
  task.pace = PaceSpec{200};
  make(task);
  const auto from = mono_now().ns;
  const Window window{from, from + 300'000'000};
  start(from, window);
  run_to(window.to);
  EXPECT_EQ(senders_->blocked_now(), 0U);
  const auto stalls = collect().tally.stalls;
  EXPECT_EQ(stalls.count, 0U);
  EXPECT_EQ(stalls.waits, 0U);
  EXPECT_EQ(stalls.open_at_end, 0U);
}

TEST_P(Face, ALimitedReaderKeepsItsRate) {
  FlowTask task;
  task.connections = 4;
  task.reader.bytes_per_s = 400'000;
  task.reader.chunk = Bytes{4'000};
  make(task);
  const auto from = mono_now().ns;
  const Window window{from + 200'000'000, from + 700'000'000};
  start(from, window);
  run_to(window.to);
  // A reader that is late at an edge reads afterwards what was due before.
  EXPECT_NEAR(static_cast<double>(readers_->bytes_in_window()), 800'000, 80'000);
  const auto stalls = collect().tally.stalls;
  // Somebody waits all the time, but for the moments of sending.
  EXPECT_GT(stalls.time_ns, 4U * 500'000'000 * 9 / 10);
  EXPECT_LE(stalls.time_ns, 4U * 500'000'000);
  EXPECT_GT(stalls.count, stalls.open_at_end);
}

TEST_P(Face, AReaderThatStopsLaterReadsUntilThen) {
  FlowTask task;
  task.connections = 2;
  task.payload.fixed = Bytes{1'000};
  task.pace = PaceSpec{1'000};
  task.reader.stop_after = 100ms;
  make(task);
  const auto from = mono_now().ns;
  start(from, {from, from + 400'000'000});
  run_to(from + 300'000'000);
  const auto bytes = readers_->bytes_in_window();
  EXPECT_NEAR(static_cast<double>(bytes), 200'000, 100'000);
  run_to(from + 400'000'000);
  EXPECT_EQ(readers_->bytes_in_window(), bytes);
  collect();
}

TEST_P(Face, AFailedConnectionIsCountedByItsError) {
  FlowTask task;
  task.connections = 3;
  make(task);
  const auto from = mono_now().ns;
  const Window window{from, from + 200'000'000};
  readers_->stop();
  start(from, window);
  run_to(window.to);
  const auto collected = collect();
  EXPECT_EQ(collected.alive, 0U);
  EXPECT_EQ(collected.errors, (ErrorCounts{{"EPIPE", 3}}));
  EXPECT_EQ(collected.tally.messages, 0U);
}

TEST_P(Face, StopsWhileAllAreBlocked) {
  FlowTask task;
  task.connections = 20;
  task.reader.stop_after = 0ns;
  make(task);
  const auto from = mono_now().ns;
  start(from, {from, kNoEnd});
  ASSERT_TRUE(run_until([&] { return senders_->blocked_now() == 20; }));
  edge_watch_.reset();
  senders_->stop();
  EXPECT_LT((mono_now() - MonoTime{from}).count(), 20'000'000'000);
}

TEST_P(Face, StopsBeforeItStarted) {
  FlowTask task;
  task.connections = 20;
  make(task);
  senders_->stop();
  senders_->stop();
}

// This file is compiled twice, as the senders are.
#if defined(ASIO_HAS_IO_URING)
constexpr std::array kAll{Io::io_uring};
#else
constexpr std::array kAll{Io::blocking, Io::nonblocking, Io::level_triggered};
#endif

INSTANTIATE_TEST_SUITE_P(Senders, Face, testing::ValuesIn(kAll),
                         [](const auto& io) { return io_name(io.param); });

}  // namespace
}  // namespace netstall
