#include "bench/run/interrupts.hpp"

#include <poll.h>

#include "base/error.hpp"

namespace netstall {

bool Interrupts::pending() const noexcept {
  pollfd event{fd(), POLLIN, 0};
  return ::poll(&event, 1, 0) > 0;
}

void Interrupts::check() const {
  if (pending()) throw Error(ErrorKind::interrupted, "run", "interrupted by a signal");
}

}  // namespace netstall
