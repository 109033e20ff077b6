#include "base/printable.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(Printable, TextStaysAsItIs) {
  for (const char* text : {"", "stall.p99", "sndbuf=64KiB", "größer → ×1.5 \xf0\x9f\x90\xa2"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, ControlCharactersAreReplaced) {
  const std::string bad = "\xef\xbf\xbd";
  for (const std::string_view control : {"\x1b", "\n", "\t", "\x7f", "\xc2\x9b", "\xe2\x80\xae",
                                         "\xe2\x81\xa6", "\xe2\x80\xa8", "\xef\xbf\xbf"}) {
    EXPECT_EQ(printable("a" + std::string(control) + "b"), "a" + bad + "b");
  }
  EXPECT_EQ(printable(std::string_view("\0", 1)), bad);
}

TEST(Printable, WhatIsNotUtf8IsReplacedByteByByte) {
  const std::string bad = "\xef\xbf\xbd";
  EXPECT_EQ(printable("\xff"), bad);
  EXPECT_EQ(printable("\xc3"), bad);                      // cut
  EXPECT_EQ(printable("\xc0\xaf"), bad + bad);            // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), bad + bad + bad);  // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), bad + bad + bad + bad);
  EXPECT_EQ(printable("\xe2\x82x"), bad + bad + "x");
}

}  // namespace
}  // namespace netstall
