// The ends of a task that send nothing of their own accord: readers, responders,
// and idle ends.
#pragma once

#include <cstdint>

#include "base/fd.hpp"
#include "loadgen/endpoint.hpp"
#include "loadgen/window.hpp"

namespace netstall {

// Used from the reactor's thread alone: adopt() each connection, start(),
// bytes_in_window() at will, collect() after the window, stop(). What they are made
// with outlives them.
class Receivers {
 public:
  Receivers() = default;
  Receivers(const Receivers&) = delete;
  Receivers& operator=(const Receivers&) = delete;
  virtual ~Receivers() = default;

  // Takes an established connection.
  virtual void adopt(Fd socket) = 0;
  // Nothing is read before `traffic_from`.
  virtual void start(std::int64_t traffic_from, const Window& window) = 0;

  virtual std::uint64_t bytes_in_window() const noexcept = 0;

  struct Collected {
    std::uint32_t alive = 0;
    ErrorCounts errors;
    Histogram sndbuf;
    Histogram rcvbuf;
    OptionTexts options;  // of the first connection without an error
    // Counts one that is without an error.
    void add(int fd, Family family) {
      if (++alive == 1) options = options_of(fd, family);
      sndbuf.record(sndbuf_of(fd));
      rcvbuf.record(rcvbuf_of(fd));
    }
  };
  virtual Collected collect() = 0;

  // Closes all sockets. Idempotent.
  virtual void stop() = 0;
};

}  // namespace netstall
