// The sockets of a task's end that are without an error when it is over.
#pragma once

#include <cstdint>

#include "base/histogram.hpp"
#include "loadgen/endpoint.hpp"

namespace netstall {

struct SocketsSeen {
  std::uint32_t alive = 0;
  Histogram sndbuf;
  Histogram rcvbuf;
  OptionTexts options;  // of the first

  void add(int fd, Family family) {
    if (++alive == 1) options = options_of(fd, family);
    sndbuf.record(sndbuf_of(fd));
    rcvbuf.record(rcvbuf_of(fd));
  }
};

}  // namespace netstall
