#include "loadgen/local_ports.hpp"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <vector>

#include "base/fd.hpp"

namespace netstall {
namespace {

sockaddr_in loopback(std::uint16_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

class LocalPortsTest : public testing::Test {
 protected:
  void SetUp() override {
    server_ = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto address = loopback();
    socklen_t length = sizeof address;
    ASSERT_EQ(::bind(server_.get(), reinterpret_cast<sockaddr*>(&address), length), 0);
    ASSERT_EQ(::listen(server_.get(), 16), 0);
    ASSERT_EQ(::getsockname(server_.get(), reinterpret_cast<sockaddr*>(&address), &length), 0);
    port_ = ntohs(address.sin_port);
  }

  // The local port, or 0 and errno.
  std::uint16_t connect(const Fd& client) const {
    auto address = loopback(port_);
    socklen_t length = sizeof address;
    if (::connect(client.get(), reinterpret_cast<sockaddr*>(&address), length) != 0) return 0;
    ::getsockname(client.get(), reinterpret_cast<sockaddr*>(&address), &length);
    return ntohs(address.sin_port);
  }

  Fd server_;
  std::uint16_t port_ = 0;
};

TEST_F(LocalPortsTest, EachConnectionTakesItsOwn) {
  const LocalPorts ports;
  std::vector<Fd> clients;
  // Others on this machine may hold one of three neighbours; not all of a few hundred.
  for (std::uint32_t index = 0; index < 900; index += 3) {
    Fd& client = clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!ports.choose(client.get(), index)) GTEST_SKIP() << "the kernel has no IP_LOCAL_PORT_RANGE";
    const auto first = connect(client);
    if (first == 0) continue;
    Fd& next = clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(ports.choose(next.get(), index + 1));
    const auto second = connect(next);
    if (second == 0) continue;
    EXPECT_EQ(second, first + 1);
    // Taken: any other will do.
    Fd& third = clients.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_TRUE(ports.choose(third.get(), index));
    EXPECT_EQ(connect(third), 0);
    EXPECT_EQ(errno, EADDRNOTAVAIL);
    LocalPorts::choose_any(third.get());
    EXPECT_NE(connect(third), 0);
    return;
  }
  ADD_FAILURE() << "no two neighbouring ports are free";
}

}  // namespace
}  // namespace netstall
