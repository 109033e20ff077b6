#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "base/error.hpp"
#include "base/file.hpp"
#include "bench/lab/receive_steering.hpp"

namespace netstall {
namespace {

TEST(ReceiveSteering, AMaskIsWrittenInWordsOf32) {
  EXPECT_EQ(cpu_mask_of({0}), "1");
  EXPECT_EQ(cpu_mask_of({0, 3}), "9");
  EXPECT_EQ(cpu_mask_of({0, 33}), "2,00000001");
  EXPECT_EQ(cpu_mask_of({64}), "1,00000000,00000000");
}

// As somebody sees it who mounts a sysfs in the namespace.
std::string mask_seen(const Netns& netns) {
  const auto command = fmt::format(
      "nsenter --net=/proc/{}/fd/{} unshare --mount sh -c 'mount -t sysfs sysfs /sys && "
      "cat /sys/class/net/lo/queues/rx-0/rps_cpus'",
      ::getpid(), netns.fd());
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(::popen(command.c_str(), "r"), &::pclose);
  char text[256]{};
  if (pipe == nullptr || std::fgets(text, sizeof text, pipe.get()) == nullptr) return "unreadable";
  return std::string(trimmed(text));
}

TEST(ReceiveSteering, TheKernelHasTheMask) {
  const auto netns = Netns::create();
  EXPECT_EQ(mask_seen(netns).find_first_not_of("0,"), std::string::npos) << mask_seen(netns);
  steer_receiving(netns, "lo", {0});
  EXPECT_EQ(mask_seen(netns).substr(mask_seen(netns).find_first_not_of("0,")), "1");
  steer_receiving(netns, "lo", {});
  EXPECT_EQ(mask_seen(netns).substr(mask_seen(netns).find_first_not_of("0,")), "1");
}

TEST(ReceiveSteering, ADeviceThatIsNotThereIsNamed) {
  const auto netns = Netns::create();
  EXPECT_THROW(steer_receiving(netns, "no-such", {0}), Error);
}

}  // namespace
}  // namespace netstall
