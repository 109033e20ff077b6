#include "base/nearest.hpp"

#include <gtest/gtest.h>

#include <array>

namespace netstall {
namespace {

TEST(NearestWord, FindsTheOneThatWasMeant) {
  constexpr std::array<std::string_view, 4> known{"stall.p99", "stall.p50", "goodput", "messages"};
  EXPECT_EQ(nearest_word("stall.p9", known), "stall.p99");
  EXPECT_EQ(nearest_word("godoput", known), "goodput");
  EXPECT_EQ(nearest_word("mesages", known), "messages");
  EXPECT_EQ(nearest_word("goodput", known), "goodput");
}

TEST(NearestWord, IsSilentWhereNothingIsNear) {
  constexpr std::array<std::string_view, 2> known{"goodput", "messages"};
  EXPECT_EQ(nearest_word("xyz", known), "");
  EXPECT_EQ(nearest_word("", known), "");
  EXPECT_EQ(nearest_word(std::string(100'000, 'g'), known), "");
}

TEST(NearestWord, CountsASwapOfNeighboursAsOneStep) {
  constexpr std::array<std::string_view, 2> known{"abdd", "abdc"};
  EXPECT_EQ(nearest_word("abcd", known), "abdd");  // one change, first of equals
  constexpr std::array<std::string_view, 2> swapped{"axxd", "abdc"};
  EXPECT_EQ(nearest_word("abcd", swapped), "abdc");
}

}  // namespace
}  // namespace netstall
