#include "bpf/send_wait_variant.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/error.hpp"
#include "bpf/send_wait.h"

namespace netstall {
namespace {

using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;
using ::testing::Not;

SendWaitOptions options(std::uint32_t blocking, std::uint32_t nonblocking) {
  SendWaitOptions made;
  made.flows = 2;
  made.ports = {{5001, 0, Side::client}, {5002, 1, Side::server}};
  made.blocking_senders = blocking;
  made.nonblocking_senders = nonblocking;
  return made;
}

TEST(SendWaitVariants, TryFentryThenKprobesThenTracepoints) {
  for (const auto nonblocking : {0U, 4U}) {
    std::vector<SendWaitBackend> ladder;
    for (const auto& variant : send_wait_variants(options(4, nonblocking), {})) {
      if (ladder.empty() || ladder.back() != variant.backend) ladder.push_back(variant.backend);
    }
    EXPECT_THAT(ladder, ElementsAre(SendWaitBackend::fentry, SendWaitBackend::kprobe,
                                    SendWaitBackend::tracepoint));
  }
}

TEST(SendWaitVariants, SayWhichCauseTheKernelHasNoPlaceFor) {
  for (const auto& variant : send_wait_variants(options(4, 4), {})) {
    const bool blind = variant.backend == SendWaitBackend::tracepoint;
    EXPECT_EQ(variant.cannot_tell.size(), blind ? 1U : 0U);
  }
  const WaitPlaces none{.throttle = false, .throttle_old = false};
  EXPECT_THAT(send_wait_variants(options(4, 4), none),
              Each(Field(&SendWaitVariant::cannot_tell, ElementsAre(Cause::cgroup_throttle))));
  const WaitPlaces old{.throttle = false, .throttle_old = true};
  EXPECT_THAT(send_wait_variants(options(4, 4), old).front().programs, Contains("on_throttle_old"));
}

TEST(SendWaitVariants, ABlockingRunIsFirstTriedWithoutAProgramOnEachSend) {
  const auto first = send_wait_variants(options(4, 0), {}).front();
  EXPECT_TRUE(first.ends_in_user_mode);
  EXPECT_THAT(first.programs, Not(Contains("on_sent")));
  EXPECT_THAT(first.programs, Not(Contains("on_sent_fexit")));
}

TEST(SendWaitVariants, ANonblockingRunSeesEachSendAndTheEndOfConnections) {
  const auto variants = send_wait_variants(options(0, 4), {});
  EXPECT_THAT(variants, Each(Field(&SendWaitVariant::programs, Contains("on_state"))));
  EXPECT_THAT(variants, Each(Field(&SendWaitVariant::ends_in_user_mode, false)));
}

TEST(SendWaitVariants, OfABackendShareTheirFirstProgram) {
  for (const auto nonblocking : {0U, 4U}) {
    for (const auto& variant : send_wait_variants(options(4, nonblocking), {})) {
      const auto first =
          std::map<SendWaitBackend, std::string_view>{{SendWaitBackend::fentry, "on_wait"},
                                                      {SendWaitBackend::kprobe, "on_wait_kprobe"},
                                                      {SendWaitBackend::tracepoint, "on_switch"}};
      EXPECT_EQ(variant.programs.front(), first.at(variant.backend));
    }
  }
}

TEST(SendWaitVariants, AreOfTheForcedBackendAlone) {
  auto wanted = options(4, 0);
  wanted.force = SendWaitBackend::tracepoint;
  EXPECT_THAT(send_wait_variants(wanted, {}),
              Each(Field(&SendWaitVariant::backend, SendWaitBackend::tracepoint)));
}

TEST(SendWaitSizes, HoldEverySenderThatCanBeBlockedAtOnce) {
  const auto sizes = send_wait_sizes(options(500, 3000));
  EXPECT_GE(sizes.sends, 500U);
  EXPECT_GE(sizes.eagains, 3000U);
  EXPECT_EQ(sizes.sums, 2U * NETSTALL_CAUSES);
  EXPECT_EQ(sizes.slots,
            netstall_first_slot(1, NETSTALL_CAUSES - 1, NETSTALL_OF_WAITS) + NETSTALL_HDR_SLOTS);
  EXPECT_GT(sizes.bytes, std::uint64_t{sizes.slots} * 8);
}

TEST(SendWaitOptions, ThatMakeNoSenseAreRefused) {
  const auto why = [](const SendWaitOptions& wrong) -> std::string {
    try {
      check_send_wait_options(wrong);
    } catch (const Error& error) {
      return error.what();
    }
    return "taken";
  };
  EXPECT_EQ(why(options(1, 1)), "taken");
  auto wrong = options(1, 1);
  wrong.flows = 0;
  EXPECT_THAT(why(wrong), HasSubstr("no flow group"));
  wrong.flows = 1;
  EXPECT_THAT(why(wrong), HasSubstr("port 5002 is of flow group 1 of 1"));
  wrong = options(1, 1);
  wrong.ports.push_back(wrong.ports.front());
  EXPECT_THAT(why(wrong), HasSubstr("port 5001 is listed twice"));
  auto both = options(1, 1);
  both.ports.push_back(both.ports.front());
  auto& other = both.ports.back().sender;
  other = other == Side::client ? Side::server : Side::client;
  EXPECT_EQ(why(both), "taken");
  wrong = options(1, 1);
  wrong.flows = 1'000'000;
  EXPECT_THAT(why(wrong), HasSubstr("at most"));
}

}  // namespace
}  // namespace netstall
