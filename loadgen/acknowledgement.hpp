// What the reading program sends back for each message of a stream that asks for it: when
// it was due and how long it is, so that the sender need remember nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "loadgen/message_mark.hpp"

namespace netstall {

struct Acknowledged {
  std::int64_t due_ns = kUnknownDue;  // since traffic began
  std::uint32_t size = 0;             // bytes
};

// Big-endian: the due time, then the size.
constexpr std::size_t kAckBytes = 12;

inline void write_ack(char* to, const Acknowledged& message) noexcept {
  const auto due = static_cast<std::uint64_t>(message.due_ns);
  for (int i = 0; i < 8; ++i) to[i] = static_cast<char>(due >> (56 - 8 * i));
  for (int i = 0; i < 4; ++i) to[8 + i] = static_cast<char>(message.size >> (24 - 8 * i));
}

// Follows the bytes of one connection, in whatever pieces they come.
class AckReader {
 public:
  // Calls acked(Acknowledged) for each that is whole.
  template <class Acked>
  void take(std::span<const char> bytes, Acked&& acked) {
    while (!bytes.empty()) {
      const auto part = std::min(bytes.size(), kAckBytes - have_);
      std::copy_n(bytes.begin(), part, record_.begin() + have_);
      bytes = bytes.subspan(part);
      have_ = static_cast<std::uint8_t>(have_ + part);
      if (have_ < kAckBytes) return;
      have_ = 0;
      acked(Acknowledged{static_cast<std::int64_t>(number(0, 8)),
                         static_cast<std::uint32_t>(number(8, 4))});
    }
  }

 private:
  std::uint64_t number(std::size_t at, std::size_t bytes) const noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | static_cast<unsigned char>(record_[at + i]);
    }
    return value;
  }

  std::array<char, kAckBytes> record_{};
  std::uint8_t have_ = 0;
};

}  // namespace netstall
