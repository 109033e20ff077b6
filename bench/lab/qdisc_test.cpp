// Which root qdisc makes a link's delay, loss and rate.
#include "bench/lab/qdisc.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

using namespace std::chrono_literals;

std::string made_of(const LinkSpec& link) {
  const auto client = root_qdisc_of(link, Side::client);
  EXPECT_EQ(client, root_qdisc_of(link, Side::server));
  return client.value_or("none");
}

TEST(Qdisc, DelayLossAndRateAreOfBothEnds) {
  LinkSpec link;
  EXPECT_EQ(made_of(link), "none");
  link.bytes_per_s = 1e7;
  EXPECT_EQ(made_of(link), "tbf rate 80000000bit burst 65536 latency 50ms");
  // What falls due between two ticks of the timer must fit.
  link.bytes_per_s = 1.25e8;
  EXPECT_EQ(made_of(link), "tbf rate 1000000000bit burst 500000 latency 50ms");
  link.delay = 1500us;
  EXPECT_EQ(made_of(link), "netem limit 100000 delay 1500us rate 1000000000bit");
  link.bytes_per_s = std::nullopt;
  link.loss = 0.001;
  EXPECT_EQ(made_of(link), "netem limit 100000 delay 1500us loss 0.1%");
  link.delay = std::nullopt;
  link.loss = 0.0;
  EXPECT_EQ(made_of(link), "netem limit 100000 loss 0%");
}

TEST(Qdisc, AScenariosOwnIsOfItsSideAlone) {
  LinkSpec link;
  link.qdisc.server = "pfifo limit 10";
  EXPECT_EQ(root_qdisc_of(link, Side::server), "pfifo limit 10");
  EXPECT_EQ(root_qdisc_of(link, Side::client), std::nullopt);
}

}  // namespace
}  // namespace netstall
