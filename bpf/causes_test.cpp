// The causes as BPF numbers them are the causes as reports name them.
#include "bpf/causes.h"

#include <gtest/gtest.h>

#include "model/names.hpp"

namespace netstall {
namespace {

TEST(Causes, AreNumberedAsInTheModel) {
  EXPECT_EQ(kCauses, NETSTALL_CAUSES);
  const auto named = [](int number) { return name_of(static_cast<Cause>(number)); };
  EXPECT_EQ(named(NETSTALL_CAUSE_UNKNOWN), "unknown");
  EXPECT_EQ(named(NETSTALL_CAUSE_SNDBUF_FULL), "sndbuf_full");
  EXPECT_EQ(named(NETSTALL_CAUSE_SNDBUF_MODERATED), "sndbuf_moderated");
  EXPECT_EQ(named(NETSTALL_CAUSE_NOTSENT_LOWAT), "notsent_lowat");
  EXPECT_EQ(named(NETSTALL_CAUSE_MEM_SHORTAGE), "mem_shortage");
  EXPECT_EQ(named(NETSTALL_CAUSE_RECEIVER_DROP), "receiver_drop");
  EXPECT_EQ(named(NETSTALL_CAUSE_CGROUP_THROTTLE), "cgroup_throttle");
  EXPECT_EQ(named(NETSTALL_CAUSE_EAGAIN_SPIN), "eagain_spin");
}

TEST(Causes, SubCausesAreNumberedOneLater) {
  const auto named = [](int number) { return name_of(static_cast<SubCause>(number - 1)); };
  EXPECT_EQ(kSubCauses + 1, NETSTALL_SUBS);
  EXPECT_EQ(named(NETSTALL_SUB_PEER_WINDOW), "peer_window");
  EXPECT_EQ(named(NETSTALL_SUB_NETWORK), "network");
  EXPECT_EQ(named(NETSTALL_SUB_GLOBAL), "global");
  EXPECT_EQ(named(NETSTALL_SUB_CGROUP), "cgroup");
}

TEST(Causes, FitTheRoomThatBpfMasksWith) {
  EXPECT_LE(NETSTALL_CAUSES, NETSTALL_CAUSE_ROOM);
  EXPECT_EQ(NETSTALL_CAUSE_ROOM & (NETSTALL_CAUSE_ROOM - 1), 0);
}

}  // namespace
}  // namespace netstall
