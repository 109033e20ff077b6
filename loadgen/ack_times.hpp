// When the peer's kernel had acknowledged the bytes that a TCP socket sent, by the local
// kernel's notes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>  // timespec, for linux/errqueue.h
#include <optional>
#include <vector>

namespace netstall {

// Notes are asked for with SO_TIMESTAMPING (TX_ACK): one for the last byte of each send(),
// or of each segment that holds several. They lie in the socket's error queue, charged to
// its receive buffer; one that finds no room is lost, and a later one stands in for it.
// From one thread. Allocates when more of them wait than ever before.
class AckTimes {
 public:
  // Before the first byte is sent, on an established connection; false where the kernel
  // refuses (no TCP).
  static bool ask(int fd) noexcept;

  // Reads what notes there are.
  void read(int fd);

  // When all bytes before `end` (counted from the first) had been acknowledged, in ns of
  // CLOCK_MONOTONIC, as far as notes were read; nothing where none says so yet. `end` never
  // falls; notes of what lies before it are forgotten.
  std::optional<std::int64_t> acknowledged_at(std::uint64_t end) noexcept;

  // What read() does with one, for a byte's number modulo 2^32.
  void note(std::uint32_t last_byte, std::int64_t at_ns);

 private:
  struct Note {
    std::uint64_t end;  // all before it are acknowledged
    std::int64_t at_ns;
  };
  std::vector<Note> notes_;  // by end; those before first_ are forgotten
  std::size_t first_ = 0;
  std::uint64_t last_end_ = 0;
};

}  // namespace netstall
