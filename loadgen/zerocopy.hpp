// send() with MSG_ZEROCOPY on one socket, and what its completions say.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "loadgen/messages.hpp"

namespace netstall {

// The first bytes of a message are copied in any case: they are its mark, which another
// message's will take the place of.
constexpr std::size_t kCopiedBytes = 64;

// The bytes must not change while the socket lives: they are sent from where they are.
// From one thread at a time; allocates nothing. The socket has SO_ZEROCOPY.
class Zerocopy {
 public:
  // As send(2). Where the kernel has no memory for a notification (ENOBUFS: beyond
  // net.core.optmem_max, or what the user may lock) although all that are there were
  // read, the bytes are copied, which is counted.
  ssize_t send(int fd, const char* from, std::size_t bytes, int flags) noexcept;

  // Where somebody else calls send(2) with MSG_ZEROCOPY: before, and after it took bytes.
  void before(int fd) noexcept;
  void took() noexcept;

  // Since it was last asked.
  ZerocopyCounts take() noexcept;

 private:
  // After ENOBUFS: true where it should be tried once more.
  bool refused(int fd) noexcept;
  // True where there was any.
  bool read_completions(int fd) noexcept;

  ZerocopyCounts counts_;
  std::uint32_t outstanding_ = 0;
};

}  // namespace netstall
