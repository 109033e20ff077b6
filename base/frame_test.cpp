#include "base/frame.hpp"

#include <gtest/gtest.h>

#include "base/error.hpp"

namespace netstall {
namespace {

TEST(Frame, ComesBackByteByByte) {
  const auto bytes =
      make_frame(7, "hello") + make_frame(8, "") + make_frame(9, std::string(100000, 'x'));
  FrameParser parser;
  std::vector<Frame> frames;
  for (const char byte : bytes) {
    parser.feed({&byte, 1});
    while (auto frame = parser.next()) frames.push_back(std::move(*frame));
  }
  ASSERT_EQ(frames.size(), 3U);
  EXPECT_EQ(frames[0].type, 7);
  EXPECT_EQ(frames[0].payload, "hello");
  EXPECT_EQ(frames[1].payload, "");
  EXPECT_EQ(frames[2].payload.size(), 100000U);
}

TEST(Frame, RefusesWhatIsNoFrame) {
  for (const std::string bytes :
       {"XX345678", "NS\x02\x01\x01\x01\x01\x01", "NS\x01\x01\xff\xff\xff\xff"}) {
    FrameParser parser;
    parser.feed(bytes);
    EXPECT_THROW(parser.next(), Error);
  }
}

TEST(FrameChannel, SaysWhenTheOtherEndIsGone) {
  auto [ours, theirs] = make_control_pair();
  FrameChannel channel(std::move(ours));
  {
    FrameChannel other(std::move(theirs));
    other.send(3, "last words");
  }
  while (channel.fill()) {
  }
  const auto frame = channel.next();
  ASSERT_TRUE(frame.has_value());
  EXPECT_EQ(frame->payload, "last words");
  EXPECT_THROW(channel.send(1, "anyone?"), Error);
}

}  // namespace
}  // namespace netstall
