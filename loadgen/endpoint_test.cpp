#include "loadgen/endpoint.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/error.hpp"

namespace netstall {
namespace {

int option_of(const Fd& fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd.get(), level, option, &value, &length), 0);
  return value;
}

TEST(Endpoint, ReadsAddresses) {
  const auto v4 = address_of(Family::ipv4, "10.1.2.3", 5001);
  EXPECT_EQ(v4.length, sizeof(sockaddr_in));
  EXPECT_EQ(v4.get()->sa_family, AF_INET);
  const auto v6 = address_of(Family::ipv6, "fd00::1", 5001);
  EXPECT_EQ(v6.length, sizeof(sockaddr_in6));
  EXPECT_EQ(v6.get()->sa_family, AF_INET6);
}

TEST(Endpoint, RefusesWhatIsNoAddress) {
  EXPECT_THROW(address_of(Family::ipv4, "", 1), Error);
  EXPECT_THROW(address_of(Family::ipv4, "fd00::1", 1), Error);
  EXPECT_THROW(address_of(Family::ipv6, "10.0.0.1", 1), Error);
}

TEST(Endpoint, SenderHasItsOptions) {
  FlowTask task;
  task.sndbuf = Bytes{16'384};
  task.rcvbuf = Bytes{8'192};
  task.nodelay = true;
  const auto plain = make_socket(FlowTask{}, true);
  const auto fd = make_socket(task, true);
  // The kernel doubles it.
  EXPECT_EQ(sndbuf_of(fd.get()), 32'768U);
  EXPECT_EQ(rcvbuf_of(fd.get()), rcvbuf_of(plain.get()));
  EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option_of(plain, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(Endpoint, ReaderHasItsOptions) {
  FlowTask task;
  task.family = Family::ipv6;
  task.sndbuf = Bytes{16'384};
  task.rcvbuf = Bytes{8'192};
  const auto plain = make_socket(FlowTask{}, false);
  const auto fd = make_socket(task, false);
  EXPECT_EQ(rcvbuf_of(fd.get()), 16'384U);
  EXPECT_EQ(sndbuf_of(fd.get()), sndbuf_of(plain.get()));
  EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
}

TEST(Endpoint, ResetsWhenItEnds) {
  const auto fd = make_socket(FlowTask{}, true);
  linger value{};
  socklen_t length = sizeof value;
  ASSERT_EQ(::getsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &value, &length), 0);
  EXPECT_EQ(value.l_onoff, 1);
  EXPECT_EQ(value.l_linger, 0);
}

TEST(Endpoint, BlockingMode) {
  const auto fd = make_socket(FlowTask{}, true);
  EXPECT_TRUE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
  set_blocking(fd.get(), true);
  EXPECT_FALSE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
  set_blocking(fd.get(), false);
  EXPECT_TRUE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
}

}  // namespace
}  // namespace netstall
