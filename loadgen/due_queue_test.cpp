#include "loadgen/due_queue.hpp"

#include <gtest/gtest.h>

#include <random>

namespace netstall {
namespace {

TEST(DueQueue, GivesTheEarliestFirst) {
  DueQueue<int> queue;
  std::vector<int> values(1'000);
  std::mt19937 random(1);
  for (auto& value : values) {
    value = static_cast<int>(random() % 10'000);
    queue.push(value, &value);
  }
  int last = -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    ASSERT_FALSE(queue.empty());
    const auto due = queue.next_due();
    const int value = *queue.pop();
    EXPECT_EQ(value, due);
    EXPECT_GE(value, last);
    last = value;
  }
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace netstall
