// What tests of the lab share: a guardian that lab_probe_main.cpp's program is, sockets at
// its ends, and a look at what is left.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/file.hpp"
#include "base/netns.hpp"
#include "bench/lab/guardian.hpp"
#include "bench/lab/lab.hpp"
#include "bench/lab/leftovers.hpp"
#include "bench/lab/sysctl.hpp"
#include "bench/lab/temporary_folder_test.hpp"

namespace netstall {

inline constexpr const char* kHostKey = "net.core.netdev_budget_usecs";
inline constexpr std::uint16_t kPort = 7001;

inline Fd probe_program() {
  return Fd(::open(NETSTALL_LAB_PROBE, O_PATH | O_CLOEXEC));
}

inline std::string host_value() {
  return std::string(trimmed(read_file(SysctlTree().file_of(kHostKey))));
}

// One more than the host has now: harmless, and held for milliseconds.
inline SysctlSpec with_host_change() {
  SysctlSpec sysctls;
  sysctls.host.emplace(kHostKey, std::to_string(std::stol(host_value()) + 1));
  return sysctls;
}

inline sockaddr_storage address_of(const Lab& lab, Side side, Family family, std::uint16_t port,
                                   std::uint32_t client = 0) {
  sockaddr_storage storage{};
  const auto text = lab.address(side, family, client);
  if (family == Family::ipv4) {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET, text.c_str(), &address.sin_addr), 1);
  } else {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    EXPECT_EQ(::inet_pton(AF_INET6, text.c_str(), &address.sin6_addr), 1);
  }
  return storage;
}

inline Fd open_socket(const Netns& netns, int family) {
  const ScopedNetns inside(netns);
  return Fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
}

inline Fd listener(const Lab& lab, Side side, Family family, std::uint16_t port = kPort,
                   std::uint32_t client = 0) {
  const auto address = address_of(lab, side, family, port, client);
  Fd fd = open_socket(lab.netns(side, client), address.ss_family);
  const int yes = 1;  // a connection before may have left the port in TIME_WAIT
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << errno_text(errno);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  return fd;
}

inline int connect_to(const Fd& fd, const sockaddr_storage& address) {
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0
             ? 0
             : errno;
}

class LabTest : public testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  }
  Guardian start_guardian() const { return Guardian::start(root(), probe_program().get()); }
  std::filesystem::path root() const { return folder_.path() / "run"; }

  // What a run of this root, and any cgroup of its, left; sentences.
  std::vector<std::string> remnants(const std::string& run_id) const {
    std::vector<std::string> found;
    for (const auto& remnant : leftovers(root())) {
      const bool ours = remnant.kind == Remnant::Kind::run || remnant.kind == Remnant::Kind::link ||
                        remnant.name.find(run_id) != std::string::npos;
      if (ours) found.push_back(to_text(remnant));
    }
    return found;
  }

  TemporaryFolder folder_;
};

// With the server; `which` is the client at the other end.
inline void exchange(const Lab& lab, Family family, Side side, std::uint32_t which = 0) {
  const auto server = listener(lab, side, family, kPort, side == Side::client ? which : 0);
  const auto target = address_of(lab, side, family, kPort, which);
  const auto client =
      open_socket(lab.netns(other(side), side == Side::client ? 0 : which), target.ss_family);
  const auto begin = mono_now();
  ASSERT_EQ(connect_to(client, target), 0) << name_of(family) << " to " << name_of(side);
  // A SYN, or a question who has the address, that is lost comes again after 1 s.
  EXPECT_LT(mono_now() - begin, std::chrono::milliseconds(900))
      << name_of(family) << " to " << name_of(side);
  const Fd peer(::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ASSERT_EQ(::write(client.get(), "hello", 5), 5);
  std::array<char, 8> text{};
  EXPECT_EQ(::read(peer.get(), text.data(), text.size()), 5);
}

}  // namespace netstall
