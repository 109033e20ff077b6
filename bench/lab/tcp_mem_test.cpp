#include "bench/lab/tcp_mem.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(TcpMem, IsReadAsTheKernelReadsIt) {
  EXPECT_EQ(tcp_mem_of("287898\t383866\t575796\n"), (TcpMem{287898, 383866, 575796}));
  EXPECT_EQ(tcp_mem_of("0x10 020 48"), (TcpMem{16, 16, 48}));
  for (const auto* text : {"", "1", "1 2", "1 2 3 4", "1 2 x", "-1 2 3", "1 2 3x"}) {
    EXPECT_EQ(tcp_mem_of(text), std::nullopt) << text;
  }
}

TEST(TcpMem, IsLoweredByAnyOfItsFields) {
  const auto entry = [](const char* key, const char* after) {
    return SysctlEntry{key, "/proc/sys/net/ipv4/tcp_mem", "100 200 300", after, true};
  };
  const auto* key = "net.ipv4.tcp_mem";
  for (const auto* after : {"99 200 300", "100 199 300", "100 200 299", "0x10 0x20 0x1000"}) {
    EXPECT_TRUE(lowers_tcp_mem(entry(key, after))) << after;
  }
  for (const auto* after : {"100 200 300", "101 200 300", "1000 2000 3000"}) {
    EXPECT_FALSE(lowers_tcp_mem(entry(key, after))) << after;
  }
  EXPECT_FALSE(lowers_tcp_mem(entry("net.ipv4.udp_mem", "1 2 3")));
}

}  // namespace
}  // namespace netstall
