#include "loadgen/datagram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace netstall {
namespace {

using Came = DatagramSequence::Came;

TEST(DatagramHead, ComesOutAsItWentIn) {
  for (const auto phase : {DatagramPhase::before, DatagramPhase::within, DatagramPhase::after}) {
    const DatagramHead head{(std::uint64_t{1} << 62) - 1, phase,
                            std::numeric_limits<std::int64_t>::max()};
    const auto words = words_of(head);
    std::array<char, sizeof words> bytes{};
    std::memcpy(bytes.data(), words.data(), sizeof words);
    const auto back = head_of(bytes);
    ASSERT_TRUE(back);
    EXPECT_EQ(back->sequence, head.sequence);
    EXPECT_EQ(back->phase, head.phase);
    EXPECT_EQ(back->word, head.word);
    EXPECT_FALSE(head_of(std::span(bytes).first(15)));
  }
  std::array<char, 16> stranger{};
  stranger.fill('\xff');
  EXPECT_FALSE(head_of(stranger));
}

TEST(DatagramHead, ThePhaseIsHalfOpenAsTheWindowIs) {
  const Window window{100, 200};
  EXPECT_EQ(phase_at(window, 99), DatagramPhase::before);
  EXPECT_EQ(phase_at(window, 100), DatagramPhase::within);
  EXPECT_EQ(phase_at(window, 199), DatagramPhase::within);
  EXPECT_EQ(phase_at(window, 200), DatagramPhase::after);
}

TEST(DatagramSequence, TellsWhatIsLateAndWhatComesAgain) {
  DatagramSequence sequence;
  EXPECT_EQ(sequence.take(0), Came::in_order);
  EXPECT_EQ(sequence.take(3), Came::in_order);
  EXPECT_EQ(sequence.take(1), Came::late);
  EXPECT_EQ(sequence.take(1), Came::again);
  EXPECT_EQ(sequence.take(3), Came::again);
  EXPECT_EQ(sequence.take(0), Came::again);
  EXPECT_EQ(sequence.take(4), Came::in_order);
}

TEST(DatagramSequence, RemembersAsManyAsItSays) {
  constexpr auto kSeen = DatagramSequence::kSeen;
  DatagramSequence sequence;
  sequence.take(0);
  sequence.take(kSeen);  // 1 to kSeen - 1 are missing
  EXPECT_EQ(sequence.take(1), Came::late);
  EXPECT_EQ(sequence.take(1), Came::again);
  sequence.take(10 * kSeen);
  // Within what is remembered, and not come.
  EXPECT_EQ(sequence.take(10 * kSeen - 1), Came::late);
  EXPECT_EQ(sequence.take(10 * kSeen - 1), Came::again);
  // Beyond: forgotten, so that it counts as late each time.
  EXPECT_EQ(sequence.take(2), Came::late);
}

// Against a set of numbers: every order of arrivals, gaps and repetitions.
TEST(DatagramSequence, AgreesWithASet) {
  std::uint64_t random = 7;
  const auto next = [&random](std::uint64_t below) {
    random = random * 6364136223846793005U + 1442695040888963407U;
    return (random >> 33) % below;
  };
  DatagramSequence sequence;
  std::vector<bool> came;
  std::uint64_t furthest = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto back = next(DatagramSequence::kSeen / 2);
    const auto number = next(4) == 0 && furthest > back ? furthest - back : furthest + next(3);
    if (came.size() <= number) came.resize(number + 1);
    const auto expected = came[number]        ? Came::again
                          : number < furthest ? Came::late
                                              : Came::in_order;
    ASSERT_EQ(sequence.take(number), expected) << number;
    came[number] = true;
    furthest = std::max(furthest, number + 1);
  }
}

TEST(DatagramErrors, ThoseOfOneDatagramSpareTheSocket) {
  for (const int spared : {ECONNREFUSED, ENOBUFS, EHOSTUNREACH}) {
    EXPECT_TRUE(spares_the_socket(spared));
  }
  for (const int fatal : {EPIPE, EBADF, EMSGSIZE, EPERM}) EXPECT_FALSE(spares_the_socket(fatal));
}

}  // namespace
}  // namespace netstall
