#include "bench/verdict/blocks.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

namespace netstall {
namespace {

std::string text_of(const std::vector<InterleavedRun>& order) {
  std::string text;
  for (const auto& run : order) {
    text += run.arm == Arm::a ? 'A' : 'B';
    text += run.index ? std::to_string(*run.index) : "w";
    text += ' ';
  }
  return text;
}

TEST(Blocks, WarmUpsThenTwoOfEachArmInEveryBlock) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto order = interleaved_order(kDefaultBlocks, seed);
    ASSERT_EQ(order.size(), 2 + kDefaultBlocks * 4U);
    EXPECT_FALSE(order[0].index || order[1].index);
    EXPECT_NE(order[0].arm, order[1].arm);
    std::map<Arm, std::uint32_t> next;
    for (std::size_t i = 2; i < order.size(); ++i) {
      ASSERT_TRUE(order[i].index);
      EXPECT_EQ(block_of(*order[i].index), (i - 2) / 4);
      EXPECT_EQ(*order[i].index, next[order[i].arm]++);  // each once, in order
    }
    EXPECT_EQ(next[Arm::a], 12U);
    EXPECT_EQ(next[Arm::b], 12U);
  }
}

TEST(Blocks, EveryOrderOfABlockComesUp) {
  std::map<std::string, int> seen;
  for (std::uint64_t seed = 0; seed < 600; ++seed) {
    const auto order = interleaved_order(1, seed);
    std::string block;
    for (std::size_t i = 2; i < order.size(); ++i) block += order[i].arm == Arm::a ? 'A' : 'B';
    ++seen[block];
  }
  EXPECT_EQ(seen.size(), 6U);
  for (const auto& [block, count] : seen) EXPECT_NEAR(count, 100, 40) << block;
}

TEST(Blocks, SameSeedSameOrder) {
  EXPECT_EQ(text_of(interleaved_order(2, 1)), text_of(interleaved_order(2, 1)));
  EXPECT_NE(text_of(interleaved_order(6, 1)), text_of(interleaved_order(6, 2)));
  // On every machine: this is the order that a report of seed 1 was made in.
  EXPECT_EQ(text_of(interleaved_order(3, 7)), "Aw Bw A0 B0 B1 A1 B2 B3 A2 A3 A4 B4 B5 A5 ");
}

}  // namespace
}  // namespace netstall
