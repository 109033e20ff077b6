// Readers with a thread each, over Unix socket pairs.
#include "loadgen/blocking_readers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/socket.h>

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.hpp"
#include "loadgen/message_mark.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;
using testing::Pair;
using testing::UnorderedElementsAre;

class BlockingReading : public testing::Test {
 protected:
  // `connections` of them, which are let go.
  void begin(std::size_t connections, std::int64_t window_to = std::int64_t{1} << 61) {
    task_.payload.fixed = Bytes{100};
    readers_.emplace(task_);
    for (std::size_t i = 0; i < connections; ++i) {
      std::array<int, 2> ends{};
      ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()),
                0);
      senders_.emplace_back(ends[0]);
      readers_->adopt(Fd(ends[1]));
    }
    if (in_vain_) readers_->try_in_vain();
    readers_->prepare();
    from_ = mono_now().ns;
    readers_->start(from_, {from_, window_to});
  }
  void send(std::size_t connection, std::span<const char> bytes) {
    ASSERT_EQ(::send(senders_[connection].get(), bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  std::vector<char> message(std::int64_t due) const {
    std::vector<char> bytes(100, 'x');
    write_mark(bytes.data(), bytes.size(), due);
    return bytes;
  }
  template <class Reached>
  static void await(Reached&& reached) {
    const Deadline deadline(20s);
    while (!reached()) {
      ASSERT_FALSE(deadline.passed());
      ::sched_yield();
    }
  }

  FlowTask task_;
  bool in_vain_ = false;
  std::int64_t from_ = 0;
  std::optional<BlockingReaders> readers_;
  std::vector<Fd> senders_;
};

TEST_F(BlockingReading, CountsBytesAndWhenMessagesAreWhole) {
  begin(3);
  for (std::size_t i = 0; i < 3; ++i) {
    send(i, message(0));
    const auto second = message(0);
    send(i, std::span(second).first(60));
    await([&] { return readers_->bytes_in_window() == i * 200 + 160; });
    send(i, std::span(second).subspan(60));
    await([&] { return readers_->bytes_in_window() == (i + 1) * 200; });
  }
  const auto elapsed = static_cast<std::uint64_t>(mono_now().ns - from_);
  const auto collected = readers_->collect();
  EXPECT_EQ(collected.alive, 3U);
  EXPECT_TRUE(collected.errors.empty());
  ASSERT_TRUE(collected.delivery);
  EXPECT_EQ(collected.delivery->count(), 6U);
  EXPECT_LE(collected.delivery->max(), elapsed + elapsed / 100);
  EXPECT_EQ(readers_->connection_count(), 3U);
  readers_->stop();
}

TEST_F(BlockingReading, TriesInVainAndWaitsAllTheSame) {
  in_vain_ = true;
  begin(1);
  for (std::uint64_t i = 1; i <= 3; ++i) {
    send(0, message(0));
    await([&] { return readers_->bytes_in_window() == i * 100; });
  }
  EXPECT_TRUE(readers_->collect().errors.empty());
  readers_->stop();
}

TEST_F(BlockingReading, WhatEndsAConnectionIsCounted) {
  begin(4);
  senders_[0].reset();
  send(1, std::vector<char>(100, '\0'));
  await([&] { return readers_->descriptor(0) < 0 && readers_->descriptor(1) < 0; });
  EXPECT_GE(readers_->descriptor(2), 0);
  // The other end learns it.
  char byte = 0;
  await([&] { return ::recv(senders_[1].get(), &byte, 1, MSG_DONTWAIT) == 0; });
  const auto collected = readers_->collect();
  EXPECT_THAT(collected.errors, UnorderedElementsAre(Pair("EOF", 1U), Pair("garbled data", 1U)));
  EXPECT_EQ(collected.alive, 2U);
  readers_->stop();
}

TEST_F(BlockingReading, NothingCountsAfterTheWindow) {
  begin(1, 1);
  send(0, message(0));
  // It is read before the end.
  senders_[0].reset();
  await([&] { return readers_->descriptor(0) < 0; });
  EXPECT_EQ(readers_->bytes_in_window(), 0U);
  EXPECT_EQ(readers_->collect().delivery->count(), 0U);
  readers_->stop();
}

TEST_F(BlockingReading, StopsWhileAllWait) {
  begin(50);
  const auto before = mono_now();
  readers_->stop();
  readers_->stop();
  EXPECT_LT(mono_now() - before, 5s);
}

}  // namespace
}  // namespace netstall
