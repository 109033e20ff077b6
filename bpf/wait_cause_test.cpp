// What follows from the facts of a wait's start and end.
#include "bpf/wait_cause.h"

#include <gtest/gtest.h>

namespace netstall {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

netstall_why of(std::uint32_t cause, std::uint32_t sub = NETSTALL_SUB_UNTOLD) {
  netstall_why why{};
  why.cause = cause;
  why.sub = sub;
  return why;
}

std::uint32_t cause_of(const netstall_why& why, std::uint64_t duration_ns) {
  return netstall_decide(&why, duration_ns).cause;
}

std::uint32_t sub_of(const netstall_why& why, std::uint64_t duration_ns) {
  return netstall_decide(&why, duration_ns).sub;
}

TEST(WaitCause, IsThatOfItsStartWhereNothingElseIsKnown) {
  for (std::uint32_t cause = 0; cause < NETSTALL_CAUSES; ++cause) {
    EXPECT_EQ(cause_of(of(cause), 100 * kMs), cause);
  }
}

TEST(WaitCause, APeerThatHeldItBackForHalfOfTheTimeIsTheSubCause) {
  auto why = of(NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_SUB_NETWORK);
  why.jiffies = 25;
  why.shut = 11;
  EXPECT_EQ(sub_of(why, 100 * kMs), std::uint32_t{NETSTALL_SUB_PEER_WINDOW});
  why.shut = 10;
  EXPECT_EQ(sub_of(why, 100 * kMs), std::uint32_t{NETSTALL_SUB_NETWORK});
  why.jiffies = 2;
  why.shut = 1;
  EXPECT_EQ(sub_of(why, 9 * kMs), std::uint32_t{NETSTALL_SUB_PEER_WINDOW});
  why.shut = 0;
  EXPECT_EQ(sub_of(why, 9 * kMs), std::uint32_t{NETSTALL_SUB_NETWORK});
  // Too short for jiffies to tell: its start decides.
  why = of(NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_SUB_PEER_WINDOW);
  why.jiffies = 1;
  EXPECT_EQ(sub_of(why, 7 * kMs), std::uint32_t{NETSTALL_SUB_PEER_WINDOW});
}

TEST(WaitCause, HalfOfTheTimeLostToTheReceiversMemoryIsAReceiverDrop) {
  auto why = of(NETSTALL_CAUSE_SNDBUF_FULL, NETSTALL_SUB_NETWORK);
  why.lost_ns = 100 * kMs;
  EXPECT_EQ(cause_of(why, 200 * kMs), std::uint32_t{NETSTALL_CAUSE_RECEIVER_DROP});
  EXPECT_EQ(sub_of(why, 200 * kMs), std::uint32_t{NETSTALL_SUB_UNTOLD});
  EXPECT_EQ(cause_of(why, 201 * kMs), std::uint32_t{NETSTALL_CAUSE_SNDBUF_FULL});
  // The sender's own shortage ends by the kernel's timer, whatever the receiver does.
  why.cause = NETSTALL_CAUSE_MEM_SHORTAGE;
  EXPECT_EQ(cause_of(why, 200 * kMs), std::uint32_t{NETSTALL_CAUSE_MEM_SHORTAGE});
}

TEST(WaitCause, TryingInVainFasterThanAnyAckIsASpin) {
  auto why = of(NETSTALL_CAUSE_MEM_SHORTAGE, NETSTALL_SUB_GLOBAL);
  why.spins = NETSTALL_SPINS;
  EXPECT_EQ(cause_of(why, NETSTALL_SPINS * kMs), std::uint32_t{NETSTALL_CAUSE_EAGAIN_SPIN});
  EXPECT_EQ(cause_of(why, (NETSTALL_SPINS + 1) * kMs), std::uint32_t{NETSTALL_CAUSE_MEM_SHORTAGE});
  why.spins = NETSTALL_SPINS - 1;
  EXPECT_EQ(cause_of(why, kMs), std::uint32_t{NETSTALL_CAUSE_MEM_SHORTAGE});
}

}  // namespace
}  // namespace netstall
