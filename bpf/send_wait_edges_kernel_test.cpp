// The edges of the window: what they cut is counted once, clipped, and said to be
// open, for blocking and non-blocking senders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "base/error.hpp"
#include "bpf/provoke.hpp"
#include "bpf/send_wait.hpp"

namespace netstall {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::uint32_t kSenders = 4;

class SendWaitEdges : public ::testing::TestWithParam<std::tuple<SendWaitBackend, Io>> {
 protected:
  void SetUp() override {
    const bool blocking = io() == Io::blocking;
    auto loaded = SendWait::load(probe_options(std::get<0>(GetParam()), netns_,
                                               blocking ? kSenders : 0, blocking ? 0 : kSenders));
    if (!loaded.probe) {
      GTEST_SKIP() << name_of(std::get<0>(GetParam()))
                   << " does not load here: " << loaded.failed.back().why;
    }
    probe_ = std::move(loaded.probe);
  }

  void TearDown() override {
    if (!senders_.joinable()) return;
    release();
    senders_.join();
  }

  static Io io() { return std::get<1>(GetParam()); }

  // Nobody reads: all senders block, and stay so.
  void block() {
    senders_ = std::thread([this] {
      const auto fds = client_ends(connections_);
      if (io() == Io::blocking) {
        send_blocking(fds, 65536, 1);
      } else {
        send_nonblocking(fds, 65536, 1);
      }
    });
    ASSERT_TRUE(
        settles(client_ends(connections_), [&] { return probe_->blocked_now() == kSenders; }));
  }

  void release() {
    if (!readers_) readers_.emplace(server_ends(connections_), 65536, milliseconds(1));
  }

  // From now on, until read().
  void open_window() {
    from_ = mono_now() + milliseconds(2);
    probe_->set_window(from_, from_ + seconds(100));
    ASSERT_TRUE(eventually([&] { return mono_now() > from_; }));
  }

  StallCount read() {
    to_ = mono_now();
    probe_->set_window(from_, to_);
    auto reading = probe_->read();
    expect_none_lost(reading.lost_events);
    EXPECT_EQ(reading.per_flow.size(), 1U);
    return reading.per_flow.at(0).total;
  }

  std::uint64_t window_ns() const { return static_cast<std::uint64_t>((to_ - from_).count()); }

  const Netns netns_ = make_loopback();
  const std::vector<Connection> connections_ =
      connect_within(netns_, kSenders, {.sndbuf = 8192, .rcvbuf = 8192});
  std::optional<SendWait> probe_;
  std::optional<Readers> readers_;
  std::thread senders_;
  MonoTime from_;
  MonoTime to_;
};

TEST_P(SendWaitEdges, AReaderThatStopsForEverShowsAsOpenStalls) {
  block();
  open_window();
  EXPECT_TRUE(eventually([&] { return mono_now() > from_ + milliseconds(50); }));
  const auto total = read();
  EXPECT_EQ(total.count, kSenders);
  EXPECT_EQ(total.waits, kSenders);
  EXPECT_EQ(total.open_at_start, kSenders);
  EXPECT_EQ(total.open_at_end, kSenders);
  EXPECT_EQ(total.time_ns, kSenders * window_ns());
  EXPECT_EQ(total.duration.min(), window_ns());
  EXPECT_EQ(total.duration.max(), window_ns());
  EXPECT_EQ(total.wait->count(), kSenders);
}

TEST_P(SendWaitEdges, AStallThatBeginsWithinIsOpenAtTheEnd) {
  open_window();
  block();
  const auto total = read();
  EXPECT_GE(total.count, kSenders);
  EXPECT_EQ(total.open_at_start, 0U);
  EXPECT_EQ(total.open_at_end, kSenders);
  EXPECT_LT(total.duration.max(), window_ns());
}

TEST_P(SendWaitEdges, AStallThatEndsWithinIsOpenAtTheStart) {
  block();
  open_window();
  release();
  senders_.join();
  const auto total = read();
  EXPECT_GE(total.count, kSenders);
  EXPECT_EQ(total.open_at_start, kSenders);
  EXPECT_EQ(total.open_at_end, 0U);
  EXPECT_LT(total.duration.max(), window_ns());
  EXPECT_EQ(probe_->blocked_now(), 0);
}

TEST_P(SendWaitEdges, WhatIsOverBeforeTheWindowIsNotCounted) {
  block();
  release();
  senders_.join();
  EXPECT_EQ(probe_->blocked_now(), 0);
  open_window();
  const auto total = read();
  EXPECT_EQ(total.count, 0U);
  EXPECT_EQ(total.waits, 0U);
  EXPECT_EQ(total.time_ns, 0U);
}

TEST_P(SendWaitEdges, NothingChangesAfterTheWindow) {
  open_window();
  block();
  const auto first = read();
  release();
  senders_.join();
  const auto second = probe_->read().per_flow.at(0).total;
  EXPECT_EQ(second.count, first.count);
  EXPECT_EQ(second.waits, first.waits);
  EXPECT_EQ(second.time_ns, first.time_ns);
  EXPECT_EQ(second.open_at_end, first.open_at_end);
  EXPECT_EQ(second.duration, first.duration);
}

TEST_P(SendWaitEdges, RefusesToReadBeforeTheEnd) {
  open_window();
  EXPECT_THROW(probe_->read(), Error);
  EXPECT_THROW(probe_->set_window(from_, from_), Error);
}

INSTANTIATE_TEST_SUITE_P(By, SendWaitEdges,
                         ::testing::Combine(::testing::ValuesIn(all_backends()),
                                            ::testing::Values(Io::blocking, Io::nonblocking)),
                         [](const auto& by) {
                           return std::string(name_of(std::get<0>(by.param))) + "_" +
                                  std::string(name_of(std::get<1>(by.param)));
                         });

}  // namespace
}  // namespace netstall
