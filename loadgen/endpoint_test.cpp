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
  task.socket.sndbuf = Bytes{16'384};
  task.socket.rcvbuf = Bytes{8'192};
  task.socket.nodelay = true;
  const auto plain = make_socket(FlowTask{}, Side::client);
  const auto fd = make_socket(task, Side::client);
  // The kernel doubles it.
  EXPECT_EQ(sndbuf_of(fd.get()), 32'768U);
  EXPECT_EQ(rcvbuf_of(fd.get()), rcvbuf_of(plain.get()));
  EXPECT_EQ(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(option_of(plain, IPPROTO_TCP, TCP_NODELAY), 0);
}

TEST(Endpoint, ReaderHasItsOptions) {
  FlowTask task;
  task.family = Family::ipv6;
  task.socket.sndbuf = Bytes{16'384};
  task.socket.rcvbuf = Bytes{8'192};
  const auto plain = make_socket(FlowTask{}, Side::server);
  const auto fd = make_socket(task, Side::server);
  EXPECT_EQ(rcvbuf_of(fd.get()), 16'384U);
  EXPECT_EQ(sndbuf_of(fd.get()), sndbuf_of(plain.get()));
  EXPECT_EQ(option_of(fd, SOL_SOCKET, SO_DOMAIN), AF_INET6);
}

TEST(Endpoint, BothEndsHaveTheOtherOptionsAndTellThem) {
  for (const auto family : {Family::ipv4, Family::ipv6}) {
    FlowTask task;
    task.family = family;
    task.socket.nodelay = true;
    task.socket.notsent_lowat = Bytes{16'384};
    task.socket.congestion_control = "reno";
    task.socket.user_timeout = std::chrono::milliseconds(1500);
    task.socket.keepalive = Keepalive{std::chrono::seconds(10), std::chrono::seconds(2), 3};
    task.socket.dscp = 46;
    task.socket.priority = 5;
    for (const auto side : {Side::client, Side::server}) {
      const auto fd = make_socket(task, side);
      const auto texts = options_of(fd.get(), family);
      for (const auto& [name, value] : requested_options(task.socket)) {
        EXPECT_EQ(texts.at(name), value) << name;
      }
    }
  }
}

TEST(Endpoint, TellsTheKernelsDefaults) {
  const auto texts = options_of(make_socket(FlowTask{}, Side::client).get(), Family::ipv4);
  EXPECT_EQ(texts.at("nodelay"), "false");
  EXPECT_EQ(texts.at("keepalive"), "off");
  EXPECT_EQ(texts.at("user_timeout"), "0s");
  EXPECT_EQ(texts.at("dscp"), "0");
  EXPECT_NE(texts.at("congestion_control"), "");
  EXPECT_TRUE(requested_options(SocketSpec{}).empty());
}

TEST(Endpoint, NamesACongestionControlThatIsNotThere) {
  FlowTask task;
  task.socket.congestion_control = "nonesuch";
  try {
    make_socket(task, Side::client);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("set TCP_CONGESTION to nonesuch"), std::string::npos);
  }
}

TEST(Endpoint, ResetsWhenItEnds) {
  const auto fd = make_socket(FlowTask{}, Side::client);
  linger value{};
  socklen_t length = sizeof value;
  ASSERT_EQ(::getsockopt(fd.get(), SOL_SOCKET, SO_LINGER, &value, &length), 0);
  EXPECT_EQ(value.l_onoff, 1);
  EXPECT_EQ(value.l_linger, 0);
}

TEST(Endpoint, BlockingMode) {
  const auto fd = make_socket(FlowTask{}, Side::client);
  EXPECT_TRUE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
  set_blocking(fd.get(), true);
  EXPECT_FALSE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
  set_blocking(fd.get(), false);
  EXPECT_TRUE(::fcntl(fd.get(), F_GETFL) & O_NONBLOCK);
}

}  // namespace
}  // namespace netstall
