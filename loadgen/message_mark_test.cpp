#include "loadgen/message_mark.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace netstall {
namespace {

struct Message {
  std::size_t size;
  std::int64_t due;
};

std::string bytes_of(const std::vector<Message>& messages) {
  std::string bytes;
  for (const auto& message : messages) {
    std::string one(message.size, '\0');
    write_mark(one.data(), message.size, message.due);
    bytes += one;
  }
  return bytes;
}

constexpr std::int64_t kLatest = (std::int64_t{1} << 48) - 1;
const std::vector<Message> kMessages{{10, 0},     {1, 5},  {9, 6},        {11, 1},
                                     {70'000, 2}, {10, 3}, {12, kLatest}, {300, 1'000'000'007}};
const std::vector<std::int64_t> kDue{0, kUnknownDue, kUnknownDue, 1, 2, 3, kLatest, 1'000'000'007};

TEST(MessageMark, EachMessageOfTenBytesAndMoreTellsItsTimeInWhateverPiecesItComes) {
  const auto bytes = bytes_of(kMessages);
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 9U, 10U, 11U, 64U, 65'536U, 1'000'000U}) {
    MarkReader reader;
    std::vector<std::int64_t> due;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      ASSERT_TRUE(reader.take(std::span(bytes).subspan(at, std::min(piece, bytes.size() - at)),
                              [&](std::int64_t ns) { due.push_back(ns); }));
    }
    EXPECT_EQ(due, kDue) << "pieces of " << piece;
  }
}

TEST(MessageMark, IsDeliveredWithItsLastByteAndNotBefore) {
  const auto bytes = bytes_of({{100, 7}});
  MarkReader reader;
  int delivered = 0;
  const auto count = [&](std::int64_t) { ++delivered; };
  ASSERT_TRUE(reader.take(std::span(bytes).first(99), count));
  EXPECT_EQ(delivered, 0);
  ASSERT_TRUE(reader.take(std::span(bytes).subspan(99), count));
  EXPECT_EQ(delivered, 1);
}

TEST(MessageMark, LargestMessageIsTold) {
  std::array<char, kMarkBytes> mark{};
  write_mark(mark.data(), (std::size_t{1} << 31) - 1, -3);
  MarkReader reader;
  std::vector<std::int64_t> due;
  ASSERT_TRUE(reader.take(mark, [&](std::int64_t ns) { due.push_back(ns); }));
  const std::vector<char> part(1 << 20);
  for (auto left = (std::size_t{1} << 31) - 1 - kMarkBytes; left > 0;) {
    EXPECT_TRUE(due.empty());
    const auto piece = std::min(left, part.size());
    ASSERT_TRUE(
        reader.take(std::span(part).first(piece), [&](std::int64_t ns) { due.push_back(ns); }));
    left -= piece;
  }
  EXPECT_EQ(due, std::vector<std::int64_t>{0}) << "what is due before traffic began is due then";
}

TEST(MessageMark, BytesWithoutAMarkAreRefused) {
  const auto refused = [](const std::string& bytes) {
    MarkReader reader;
    return !reader.take(bytes, [](std::int64_t) {});
  };
  EXPECT_TRUE(refused(std::string(1, '\0')));
  EXPECT_TRUE(refused("abcdefghijklmnop"));
  EXPECT_TRUE(refused(std::string("\x80", 1) + std::string(20, '\0')));  // of no bytes
  EXPECT_TRUE(refused(bytes_of({{20, 1}}) + "x23456789012345"));
}

}  // namespace
}  // namespace netstall
