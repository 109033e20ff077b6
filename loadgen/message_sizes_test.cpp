#include "loadgen/message_sizes.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

namespace netstall {
namespace {

TEST(MessageSizes, ComeAsOftenAsTheirWeights) {
  PayloadSpec payload;
  payload.weighted = {{Bytes{100}, 3}, {Bytes{2'000}, 1}};
  const MessageSizes sizes(payload);
  const auto stream = stream_of(1, Draw::size, 5001, 0);
  std::map<std::size_t, int> seen;
  constexpr int kCount = 100'000;
  for (std::uint64_t n = 0; n < kCount; ++n) ++seen[sizes.of(stream, n)];
  ASSERT_EQ(seen.size(), 2U);
  // Four standard deviations of a share of a quarter.
  EXPECT_NEAR(seen[2'000], kCount / 4, 4 * std::sqrt(kCount * 0.25 * 0.75));
}

TEST(MessageSizes, AreTheSameForTheSameStream) {
  PayloadSpec payload;
  payload.uniform = UniformSizes{Bytes{1}, Bytes{1'000'000}};
  const MessageSizes sizes(payload);
  const auto stream = stream_of(1, Draw::size, 5001, 0);
  EXPECT_EQ(sizes.of(stream, 17), MessageSizes(payload).of(stream, 17));
  EXPECT_NE(sizes.of(stream, 17), sizes.of(stream, 18));
  EXPECT_NE(sizes.of(stream, 17), sizes.of(stream_of(1, Draw::size, 5001, 1), 17));
  EXPECT_NE(sizes.of(stream, 17), sizes.of(stream_of(2, Draw::size, 5001, 0), 17));
}

TEST(MessageSizes, OfASequenceFollowEachOther) {
  PayloadSpec payload;
  payload.sequence = {Bytes{1}, Bytes{2}, Bytes{3}};
  const MessageSizes sizes(payload);
  for (std::uint64_t n = 0; n < 10; ++n) EXPECT_EQ(sizes.of(4, n), 1 + (4 + n) % 3);
  EXPECT_EQ(sizes.largest(), 3U);
}

}  // namespace
}  // namespace netstall
