// Readers that acknowledge, over a Unix socket pair: what a connection does not take waits.
#include "loadgen/readers.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <vector>

#include "base/clock.hpp"
#include "loadgen/acknowledgement.hpp"
#include "loadgen/message_mark.hpp"

namespace netstall {
namespace {

using namespace std::chrono_literals;

class AcknowledgingReaders : public testing::TestWithParam<bool> {};

TEST_P(AcknowledgingReaders, KeepWhatTheConnectionDoesNotTake) {
  FlowTask task;
  task.connections = 1;
  task.payload.fixed = Bytes{kMarkBytes};
  task.acknowledge = true;
  if (GetParam()) task.reader.bytes_per_s = 20e6;
  asio::io_context io(ASIO_CONCURRENCY_HINT_UNSAFE);
  std::vector<char> buffer(read_size(task));
  Readers readers(io, task, 1, buffer, false);
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
  const Fd sender(ends[0]);
  readers.adopt(Fd(ends[1]));
  const auto now = mono_now().ns;
  readers.start(now, {now, std::int64_t{1} << 61});

  std::int64_t sent = 0;
  std::int64_t acked = 0;
  std::size_t partial = 0;
  AckReader acks;
  std::vector<char> answer(100'000);
  const auto take = [&] {
    const ssize_t got = ::recv(sender.get(), answer.data(), answer.size(), MSG_DONTWAIT);
    if (got <= 0) return;
    acks.take({answer.data(), static_cast<std::size_t>(got)}, [&](const Acknowledged& message) {
      EXPECT_EQ(message.due_ns, acked);
      EXPECT_EQ(message.size, kMarkBytes);
      ++acked;
    });
  };
  const auto send = [&](std::size_t& offset) {
    std::array<char, kMarkBytes> mark;
    write_mark(mark.data(), mark.size(), sent);
    const ssize_t took = ::send(sender.get(), mark.data() + offset, mark.size() - offset,
                                MSG_DONTWAIT | MSG_NOSIGNAL);
    if (took <= 0) return false;
    offset = (offset + static_cast<std::size_t>(took)) % mark.size();
    if (offset == 0) ++sent;
    return true;
  };
  const auto run_for = [&](Nanoseconds time) {
    io.restart();
    io.run_for(time);
  };
  // Nobody takes acknowledgements: they fill the way back, then nothing is read.
  const Deadline full(20s);
  std::uint64_t before = 0;
  do {
    before = readers.bytes_in_window();
    while (send(partial)) {
    }
    run_for(20ms);
  } while (!full.passed() && readers.bytes_in_window() > before);
  ASSERT_GT(readers.bytes_in_window(), 10'000U);
  ASSERT_LT(readers.bytes_in_window(), static_cast<std::uint64_t>(sent) * kMarkBytes);
  // Then all of them come, in order.
  const Deadline taken(20s);
  while (acked < sent && !taken.passed()) {
    take();
    run_for(1ms);
  }
  EXPECT_EQ(acked, sent);
  EXPECT_TRUE(readers.collect().errors.empty());
  readers.stop();
  io.restart();
  io.run();
}

INSTANTIATE_TEST_SUITE_P(Readers, AcknowledgingReaders, testing::Bool(),
                         [](const auto& limited) { return limited.param ? "limited" : "at_once"; });

}  // namespace
}  // namespace netstall
