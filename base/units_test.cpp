#include "base/units.hpp"

#include <gtest/gtest.h>

namespace netstall {
namespace {

TEST(Units, BytesInBinaryDecimalAndPlain) {
  EXPECT_EQ((*parse_bytes("64KiB")).count, 65536U);
  EXPECT_EQ((*parse_bytes("64kB")).count, 64000U);
  EXPECT_EQ((*parse_bytes("65536")).count, 65536U);
  EXPECT_EQ((*parse_bytes("1.5MiB")).count, 1572864U);
  EXPECT_EQ((*parse_bytes("0")).count, 0U);
}

TEST(Units, BytesRefusesNonsense) {
  for (const char* text :
       {"", "-1", "64 Kib", "KiB", "1e400", "1.5", "nan", "inf", "0x10", "99999999TiB"}) {
    EXPECT_FALSE(parse_bytes(text)) << text;
  }
}

TEST(Units, DurationNeedsAUnit) {
  EXPECT_EQ((*parse_duration("250us")).count(), 250'000);
  EXPECT_EQ((*parse_duration("1.5s")).count(), 1'500'000'000);
  EXPECT_EQ((*parse_duration("2min")).count(), 120'000'000'000);
  EXPECT_FALSE(parse_duration("10"));
  EXPECT_FALSE(parse_duration("-1s"));
  EXPECT_FALSE(parse_duration("1000h"));
}

TEST(Units, RateOfEventsAndOfBytes) {
  EXPECT_EQ(*parse_rate("200/s"), (Rate{200, Rate::Of::events}));
  EXPECT_EQ(*parse_rate("2k/s"), (Rate{2000, Rate::Of::events}));
  EXPECT_EQ(*parse_rate("64kB/s"), (Rate{64000, Rate::Of::bytes}));
  EXPECT_EQ(*parse_rate("1gbit"), (Rate{125e6, Rate::Of::bytes}));
  EXPECT_FALSE(parse_rate("200"));
  EXPECT_FALSE(parse_rate("fast"));
}

TEST(Units, TextReadsBack) {
  for (const std::uint64_t count : {0ULL, 1ULL, 1024ULL, 1500ULL, 3ULL << 30}) {
    EXPECT_EQ((*parse_bytes(to_text(Bytes{count}))).count, count);
  }
  for (const std::int64_t count : {1LL, 999LL, 250'000LL, 1'500'000'000LL, 60'000'000'000LL}) {
    EXPECT_EQ(*parse_duration(to_text(Nanoseconds(count))), Nanoseconds(count));
  }
  EXPECT_EQ(*parse_rate(to_text(Rate{64000, Rate::Of::bytes})), (Rate{64000, Rate::Of::bytes}));
  EXPECT_EQ(*parse_rate(to_text(Rate{0.5, Rate::Of::events})), (Rate{0.5, Rate::Of::events}));
}

TEST(Units, HumanKeepsThreeDigits) {
  EXPECT_EQ(human_duration(204e6), "204 ms");
  EXPECT_EQ(human_duration(1.234e9), "1.23 s");
  EXPECT_EQ(human_bytes(65536), "64 KiB");
  EXPECT_EQ(human_count(1'000'000), "1 M");
  EXPECT_EQ(human_count(12), "12");
  EXPECT_EQ(human_duration(0), "0 ns");
}

TEST(Units, ChangesHaveASignAndCountsAPlural) {
  EXPECT_EQ(human_change(0.01234), "+1.23 %");
  EXPECT_EQ(human_change(-0.2), "-20.00 %");
  EXPECT_EQ(human_change(-0.00001), "0.00 %");
  EXPECT_EQ(counted(1, "cell"), "1 cell");
  EXPECT_EQ(counted(0, "cell"), "0 cells");
}

}  // namespace
}  // namespace netstall
