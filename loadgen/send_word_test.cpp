#include "loadgen/send_word.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(SendWord, TellsOfTheSendInProgress) {
  SendWord word;
  EXPECT_EQ(word.sending_since(), 0);
  word.enter(123'456'789);
  EXPECT_EQ(word.sending_since(), 123'456'789);
  EXPECT_TRUE(word.still(123'456'789));
  EXPECT_FALSE(word.still(123'456'788));
  EXPECT_TRUE(word.leave(123'456'789));
  EXPECT_EQ(word.sending_since(), 0);
  EXPECT_FALSE(word.still(123'456'789));
  word.idle();
  EXPECT_EQ(word.sending_since(), 0);
}

TEST(SendWord, OneOfTheTwoAccounts) {
  SendWord word;
  word.enter(100);
  EXPECT_TRUE(word.claim(100));
  EXPECT_EQ(word.sending_since(), 100);
  EXPECT_FALSE(word.claim(100));
  EXPECT_FALSE(word.leave(100));
  word.idle();
  word.enter(200);
  EXPECT_FALSE(word.claim(100));
  EXPECT_TRUE(word.leave(200));
  EXPECT_FALSE(word.claim(200));
}

TEST(SendWord, TellsWhoStillAccounts) {
  SendWord word;
  word.enter(100);
  EXPECT_FALSE(word.accounting(200));
  word.leave(100);
  EXPECT_TRUE(word.accounting(200));
  EXPECT_FALSE(word.accounting(100));
  word.idle();
  EXPECT_FALSE(word.accounting(200));
}

}  // namespace
}  // namespace netstall
