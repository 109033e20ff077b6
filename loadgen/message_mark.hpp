// What each message of a stream carries in its first bytes, so that its reader can
// tell where it ends and how long it has been under way: no word comes back for it.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace netstall {

// Ten bytes, big-endian: the message's size (31 bits under a 1 bit), then when it was
// due, in ns since traffic began, which both ends know. A smaller message carries its
// size alone, in its first byte: it is delimited, and its time is not known.
constexpr std::size_t kMarkBytes = 10;
constexpr std::int64_t kUnknownDue = -1;

inline std::size_t mark_size(std::size_t message) noexcept {
  return message < kMarkBytes ? 1 : kMarkBytes;
}

// `to` holds mark_size(size) bytes; size is at least 1. A due time before traffic began
// counts as its beginning.
inline void write_mark(char* to, std::size_t size, std::int64_t due_ns) noexcept {
  if (size < kMarkBytes) {
    *to = static_cast<char>(size);
    return;
  }
  const auto word = static_cast<std::uint32_t>(size) | std::uint32_t{1} << 31;
  const auto due = static_cast<std::uint64_t>(std::max<std::int64_t>(due_ns, 0));
  for (int i = 0; i < 4; ++i) to[i] = static_cast<char>(word >> (24 - 8 * i));
  for (int i = 0; i < 6; ++i) to[4 + i] = static_cast<char>(due >> (40 - 8 * i));
}

// Follows the bytes of one connection, in whatever pieces they come.
class MarkReader {
 public:
  // Calls whole(due_ns) for each message whose last byte is here, with kUnknownDue for one
  // that is too small to say. False where these are not the bytes of marked messages.
  template <class Whole>
  bool take(std::span<const char> bytes, Whole&& whole) {
    while (!bytes.empty()) {
      if (left_ == 0) {
        if (!begin(bytes)) return false;
        if (left_ == 0) return true;  // the rest of the mark is to come
      }
      const auto part = std::min<std::size_t>(bytes.size(), left_);
      left_ -= static_cast<std::uint32_t>(part);
      bytes = bytes.subspan(part);
      if (left_ == 0) whole(due_ns_);
    }
    return true;
  }

  // Of the message that whole() is called for.
  std::uint32_t size() const noexcept { return size_; }

 private:
  // At the beginning of a message, or within its mark.
  bool begin(std::span<const char> bytes) noexcept {
    const auto first = static_cast<unsigned char>(have_ > 0 ? head_[0] : bytes[0]);
    if (first < kMarkBytes) {
      left_ = size_ = first;
      due_ns_ = kUnknownDue;
      return first > 0;
    }
    const auto had = have_;
    const auto part = std::min(bytes.size(), kMarkBytes - had);
    std::copy_n(bytes.begin(), part, head_.begin() + had);
    have_ = static_cast<std::uint8_t>(had + part);
    if (have_ < kMarkBytes) return true;
    have_ = 0;
    const auto size = number(0, 4);
    constexpr std::uint64_t kMarked = std::uint64_t{1} << 31;
    if (size < kMarked + kMarkBytes) return false;
    // What is here of the mark is taken with the rest.
    size_ = static_cast<std::uint32_t>(size - kMarked);
    left_ = static_cast<std::uint32_t>(size_ - had);
    due_ns_ = static_cast<std::int64_t>(number(4, 6));
    return true;
  }
  std::uint64_t number(std::size_t at, std::size_t bytes) const noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value = value << 8 | static_cast<unsigned char>(head_[at + i]);
    }
    return value;
  }

  std::int64_t due_ns_ = kUnknownDue;
  std::uint32_t left_ = 0;  // of the message; 0: none has begun, or not its whole mark is here
  std::uint32_t size_ = 0;
  std::array<char, kMarkBytes> head_{};
  std::uint8_t have_ = 0;  // of a mark that came in pieces
};

}  // namespace netstall
