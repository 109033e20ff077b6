#include "loadgen/acknowledgement.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace netstall {
namespace {

TEST(Acknowledgement, IsReadInWhateverPiecesItComes) {
  const std::vector<std::pair<std::int64_t, std::uint32_t>> messages{
      {0, 1}, {1, 10}, {kUnknownDue, 9}, {1'234'567'890'123, 4'000'000'000}, {255, 256}};
  std::vector<char> bytes(messages.size() * kAckBytes);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    write_ack(bytes.data() + i * kAckBytes, {messages[i].first, messages[i].second});
  }
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    AckReader reader;
    std::vector<std::pair<std::int64_t, std::uint32_t>> read;
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      const auto part = std::min(piece, bytes.size() - at);
      reader.take({bytes.data() + at, part}, [&](const Acknowledged& message) {
        read.emplace_back(message.due_ns, message.size);
      });
    }
    EXPECT_EQ(read, messages) << "pieces of " << piece;
  }
}

}  // namespace
}  // namespace netstall
