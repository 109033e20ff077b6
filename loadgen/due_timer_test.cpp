#include "loadgen/due_timer.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <asio/posix/stream_descriptor.hpp>
#include <functional>
#include <vector>

namespace netstall {
namespace {

using Called = std::function<void(int&, std::int64_t)>;
constexpr std::int64_t kMs = 1'000'000;

// How often this thread went to sleep of its own accord.
long sleeps() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

TEST(DueTimer, CallsWhatIsDueInItsOrderAndNeverBefore) {
  for (const std::int64_t spin : {std::int64_t{0}, kMs, 1000 * kMs}) {
    asio::io_context io(1);
    std::vector<int> order;
    std::array<int, 3> values{0, 1, 2};
    const auto begin = mono_now().ns;
    DueTimer<int, Called> timer(io, [&](int& value, std::int64_t due) {
      EXPECT_GE(mono_now().ns, due);
      EXPECT_EQ(due, begin + (3 + 3 * value) * kMs);
      order.push_back(value);
    });
    timer.set_spin(spin);
    // The later ones first: each arms it anew.
    for (const std::size_t i : {2U, 1U, 0U}) {
      timer.push(begin + static_cast<std::int64_t>(3 + 3 * i) * kMs, values[i]);
    }
    io.run();
    EXPECT_EQ(order, (std::vector<int>{0, 1, 2})) << spin;
  }
}

TEST(DueTimer, SpinningNeitherSleepsNorKeepsSocketsWaiting) {
  std::array<long, 2> slept{};
  for (const bool spins : {false, true}) {
    asio::io_context io(1);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    asio::posix::stream_descriptor reader(io, ends[0]);
    std::int64_t read_at = 0;
    reader.async_wait(reader.wait_read, [&](const asio::error_code&) { read_at = mono_now().ns; });
    int calls = 0;
    std::int64_t called_at = 0;
    DueTimer<int, Called>* again = nullptr;
    DueTimer<int, Called> timer(io, [&](int& value, std::int64_t) {
      called_at = mono_now().ns;
      if (++calls < 50) again->push(called_at + kMs, value);
    });
    again = &timer;
    if (spins) timer.set_spin(1000 * kMs);
    ASSERT_EQ(::write(ends[1], "x", 1), 1);
    const auto before = sleeps();
    int value = 0;
    timer.push(mono_now().ns + kMs, value);
    io.run();
    slept[spins ? 1 : 0] = sleeps() - before;
    EXPECT_NE(read_at, 0);
    EXPECT_LT(read_at, called_at);
    ::close(ends[1]);
  }
  // A page fault may sleep, too.
  EXPECT_LE(slept[1], 5);
  EXPECT_GT(slept[0], 25);
}

TEST(DueTimer, StoppedItCallsNobodyAndCanBeUsedAgain) {
  for (const std::int64_t spin : {std::int64_t{0}, 1000 * kMs}) {
    asio::io_context io(1);
    int calls = 0;
    int value = 0;
    DueTimer<int, Called> timer(io, [&](int&, std::int64_t) { ++calls; });
    timer.set_spin(spin);
    timer.push(mono_now().ns + kMs, value);
    timer.stop();
    io.run();
    EXPECT_EQ(calls, 0);
    io.restart();
    timer.push(mono_now().ns + kMs, value);
    io.run();
    EXPECT_EQ(calls, 1);
  }
}

}  // namespace
}  // namespace netstall
