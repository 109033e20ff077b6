#include "loadgen/thread_looker.hpp"

#include <gtest/gtest.h>

#include <string>

namespace netstall {
namespace {

TEST(ThreadStatus, ParsesWhatTheKernelWrites) {
  const auto status = parse_thread_status(
      "Name:\tnetstall-send\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\n"
      "voluntary_ctxt_switches:\t4711\nnonvoluntary_ctxt_switches:\t12\n");
  ASSERT_TRUE(status);
  EXPECT_EQ(status->waits, 4711U);
  EXPECT_TRUE(status->asleep);
}

TEST(ThreadStatus, KnowsTheOtherStates) {
  const auto asleep = [](std::string_view state) {
    return parse_thread_status(std::string("Name:\tx\nState:\t") + std::string(state) +
                               "\nvoluntary_ctxt_switches:\t1\n")
        ->asleep;
  };
  EXPECT_FALSE(asleep("R (running)"));
  EXPECT_TRUE(asleep("D (disk sleep)"));
}

TEST(ThreadStatus, IsNothingWithoutItsLines) {
  EXPECT_FALSE(parse_thread_status(""));
  EXPECT_FALSE(parse_thread_status("Name:\tx\nState:\tS (sleeping)\n"));
  EXPECT_FALSE(parse_thread_status("Name:\tx\nvoluntary_ctxt_switches:\t1\n"));
  EXPECT_FALSE(parse_thread_status("Name:\tx\nState:\tS\nvoluntary_ctxt_switches:\tmany\n"));
}

}  // namespace
}  // namespace netstall
