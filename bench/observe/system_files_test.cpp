#include "bench/observe/system_files.hpp"

#include <gtest/gtest.h>

#include "bench/observe/machine_fixture.hpp"

namespace netstall {
namespace {

TEST(SystemFiles, WhatCannotBeReadIsAbsent) {
  const SystemFiles files(vm_machine());
  EXPECT_EQ(files.number("proc/sys/kernel/pid_max"), 32768U);
  EXPECT_EQ(files.text("proc/sys/kernel/osrelease"), "6.18.44");
  EXPECT_FALSE(files.number("proc/sys/kernel/osrelease"));
  EXPECT_FALSE(files.text("proc/nothing"));
  EXPECT_FALSE(files.exists("proc/nothing"));
}

TEST(WholeNumber, IsTheWholeText) {
  EXPECT_EQ(whole_number("18446744073709551615"), 18446744073709551615U);
  for (const char* text : {"", "-1", "1 ", " 1", "1k", "0x1", "18446744073709551616"}) {
    EXPECT_FALSE(whole_number(text)) << text;
  }
}

TEST(LineValue, KeyAtTheBeginningOfALine) {
  constexpr std::string_view kText = "MemTotal:  8 kB\nMem: 1\nSwap\nmodel name\t: A: B\ncache 7\n";
  EXPECT_EQ(line_value(kText, "Mem"), "1");
  EXPECT_EQ(line_value(kText, "MemTotal"), "8 kB");
  EXPECT_EQ(line_value(kText, "model name"), "A: B");
  EXPECT_EQ(line_value(kText, "cache"), "7");
  EXPECT_EQ(line_value(kText, "Swap"), "");
  EXPECT_FALSE(line_value(kText, "Total"));
  EXPECT_FALSE(line_value("", "Mem"));
}

TEST(MeminfoBytes, OnlyInKibibytes) {
  EXPECT_EQ(meminfo_bytes("MemTotal:   8 kB\n", "MemTotal"), 8192U);
  EXPECT_FALSE(meminfo_bytes("HugePages_Total:   8\n", "HugePages_Total"));
  EXPECT_FALSE(meminfo_bytes("MemTotal: 18446744073709551615 kB\n", "MemTotal"));
}

}  // namespace
}  // namespace netstall
