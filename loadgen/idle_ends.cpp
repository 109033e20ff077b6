#include "loadgen/idle_ends.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "base/error.hpp"

namespace netstall {

Receivers::Collected IdleEnds::collect() {
  Collected collected;
  for (const auto& socket : sockets_) {
    char byte = 0;
    const ssize_t got = ::recv(socket.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && errno == EAGAIN) {
      collected.add(socket.get(), task_.family);
    } else {
      ++collected.errors[got > 0 ? "data" : got == 0 ? "EOF" : errno_name(errno)];
    }
  }
  return collected;
}

}  // namespace netstall
