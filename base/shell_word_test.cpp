#include "base/shell_word.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(ShellWord, IsQuotedWhereItHasToBe) {
  EXPECT_EQ(shell_word("case=slow,sndbuf=64KiB"), "case=slow,sndbuf=64KiB");
  EXPECT_EQ(shell_word("/sysctl/net.ipv4.tcp_wmem=4096 16384"),
            "'/sysctl/net.ipv4.tcp_wmem=4096 16384'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("~root"), "'~root'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace netstall
