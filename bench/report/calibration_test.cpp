#include "bench/report/calibration.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/error.hpp"
#include "bench/verdict/compare.hpp"

namespace netstall {
namespace {

using testing::HasSubstr;

Calibration sample() {
  Calibration calibration{"quick", "0123456789abcdef", 6, 7, {{"kernel.release", "6.18"}}, {}};
  calibration.floors = {{find_metric("stall.p99"), {0.125, 2.5e6}, "x=1", "slow"},
                        {find_metric("tcp_mem.peak"), {0.5, 100}, "base", ""}};
  return calibration;
}

TEST(Calibration, ReadsBackWhatItWrote) {
  const auto written = sample();
  const auto read = calibration_from_json(calibration_json(written));
  EXPECT_EQ(calibration_json(read), calibration_json(written));
  EXPECT_EQ(read.environment, written.environment);
  ASSERT_EQ(read.floors.size(), 2U);
  EXPECT_EQ(read.floors[0].metric, find_metric("stall.p99"));
  EXPECT_EQ(read.floors[0].floor.relative, 0.125);
  EXPECT_EQ(read.floors[0].flow, "slow");
}

TEST(Calibration, BadFilesAreRefusedWithASentence) {
  const auto refusal = [](std::string text, const std::string& from, const std::string& to) {
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), to);
    try {
      calibration_from_json(text);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return std::string(error.what());
    }
    return std::string("none");
  };
  const auto good = calibration_json(sample());
  EXPECT_THAT(refusal(good, "noise/1", "noise/2"), HasSubstr("netstall/noise/1"));
  EXPECT_THAT(refusal(good, "stall.p99", "stall.p98"), HasSubstr("stall.p98"));
  EXPECT_THAT(refusal(good, "0.125", "-0.125"), HasSubstr("relative"));
  EXPECT_THAT(refusal(good, "0.125", "\"0\""), HasSubstr("relative"));
  EXPECT_THAT(refusal(good, "\"metrics\"", "\"metric\""), HasSubstr("metrics"));
  EXPECT_THAT(refusal(good, "\n}\n", ""), HasSubstr("syntax"));
  EXPECT_THAT(refusal(good, good, ""), HasSubstr("syntax"));
  EXPECT_THAT(refusal(good, good, "[]"), HasSubstr("object"));
}

TEST(Calibration, TextFitsEightyColumns) {
  Comparison comparison;
  comparison.cells.emplace_back();
  const auto text = calibration_text(sample(), comparison);
  EXPECT_THAT(text, HasSubstr("12.5 %"));
  EXPECT_THAT(text, HasSubstr("slow in x=1"));
  std::size_t from = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', from)) {
    EXPECT_LE(end - from, 80U) << text.substr(from, end - from);
    from = end + 1;
  }
}

}  // namespace
}  // namespace netstall
