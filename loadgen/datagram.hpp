// What a datagram says of itself, and what its reader makes of it.
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "loadgen/endpoint.hpp"
#include "loadgen/window.hpp"
#include "model/datagram_size.hpp"

namespace netstall {

// Whether its send() began before, within or after the window.
enum class DatagramPhase : std::uint8_t { before, within, after };

inline DatagramPhase phase_at(const Window& window, std::int64_t ns) noexcept {
  if (ns < window.from) return DatagramPhase::before;
  return ns < window.to ? DatagramPhase::within : DatagramPhase::after;
}

// The first 16 bytes of each datagram, in the machine's byte order: both ends are of one
// machine. A response repeats those of its request.
struct DatagramHead {
  std::uint64_t sequence = 0;  // of the connection, from 0; no gaps but for what was lost
  DatagramPhase phase = DatagramPhase::before;
  std::int64_t word = 0;  // when it was due, ns; of requests the sender's own
};

// Of multicast the numbers of each group begin anew: the group's number stands above.
constexpr unsigned kGroupShift = 48;
inline std::uint64_t group_of(std::uint64_t sequence) noexcept {
  return sequence >> kGroupShift;
}
inline std::uint64_t within_group(std::uint64_t sequence) noexcept {
  return sequence & ((std::uint64_t{1} << kGroupShift) - 1);
}
static_assert(kLeastDatagram == 2 * sizeof(std::uint64_t));

inline std::array<std::uint64_t, 2> words_of(const DatagramHead& head) noexcept {
  return {head.sequence << 2 | static_cast<std::uint64_t>(head.phase),
          static_cast<std::uint64_t>(head.word)};
}

// Nothing for what is too short, or of no phase: a stranger's.
inline std::optional<DatagramHead> head_of(std::span<const char> bytes) noexcept {
  std::array<std::uint64_t, 2> words{};
  if (bytes.size() < sizeof words) return std::nullopt;
  std::memcpy(words.data(), bytes.data(), sizeof words);
  if ((words[0] & 3) > static_cast<std::uint64_t>(DatagramPhase::after)) return std::nullopt;
  return DatagramHead{words[0] >> 2, static_cast<DatagramPhase>(words[0] & 3),
                      static_cast<std::int64_t>(words[1])};
}

// What a datagram socket reports and gets over: the datagram is gone, the next one may
// pass. ECONNREFUSED and the unreachables are the answers to earlier ones.
inline bool spares_the_socket(int error_number) noexcept {
  switch (error_number) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENOBUFS:
    case ENOMEM:
      return true;
    default:
      return false;
  }
}

// Sends datagrams from one buffer; for one thread.
class DatagramOut {
 public:
  // `payload` holds the largest.
  explicit DatagramOut(std::string_view payload) : bytes_(payload) {}
  // send() without waiting; its result, and errno. To where the socket is connected, or `to`.
  std::int64_t send(int fd, const DatagramHead& head, std::size_t size,
                    const Address* to = nullptr) noexcept;

 private:
  std::string bytes_;
};

// send() on a blocking socket, with the head before a payload that threads share: its result,
// and errno. `payload` holds `size` bytes.
std::int64_t send_datagram(int fd, const DatagramHead& head, std::string_view payload,
                           std::size_t size) noexcept;

// Which datagrams of one connection have come. One that is more than kSeen behind the
// furthest counts as new: it is late, and whether it came twice is forgotten.
class DatagramSequence {
 public:
  static constexpr std::uint64_t kSeen = 256;
  enum class Came : std::uint8_t { in_order, late, again };

  Came take(std::uint64_t sequence) noexcept {
    if (sequence >= next_) {
      if (sequence - next_ >= kSeen) {
        seen_.fill(0);
      } else {
        for (auto missing = next_; missing < sequence; ++missing) word(missing) &= ~bit(missing);
      }
      word(sequence) |= bit(sequence);
      next_ = sequence + 1;
      return Came::in_order;
    }
    if (sequence + kSeen >= next_) {
      if ((word(sequence) & bit(sequence)) != 0) return Came::again;
      word(sequence) |= bit(sequence);
    }
    return Came::late;
  }

 private:
  static std::uint64_t bit(std::uint64_t sequence) noexcept {
    return std::uint64_t{1} << (sequence % 64);
  }
  std::uint64_t& word(std::uint64_t sequence) noexcept { return seen_[sequence / 64 % kWords]; }

  static constexpr std::size_t kWords = kSeen / 64;
  std::array<std::uint64_t, kWords> seen_{};
  std::uint64_t next_ = 0;
};

}  // namespace netstall
