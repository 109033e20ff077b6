// The ends of a task that send nothing of their own accord: readers, responders,
// and idle ends.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "loadgen/endpoint.hpp"
#include "loadgen/sockets_seen.hpp"
#include "loadgen/window.hpp"

namespace netstall {

// Used from the reactor's thread alone: adopt() each connection, prepare(), start(),
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
  // Once all connections are there.
  virtual void prepare() {}
  // Nothing is read before `traffic_from`.
  virtual void start(std::int64_t traffic_from, const Window& window) = 0;

  virtual std::uint64_t bytes_in_window() const noexcept = 0;

  // Lasting TCP connections, for somebody who asks the kernel about them; the descriptor of
  // one is -1 where it is gone.
  virtual std::size_t connection_count() const noexcept { return 0; }
  virtual int descriptor(std::size_t) noexcept { return -1; }
  // When the last datagram that was sent within the window came to a reader that takes all at
  // once, ns of CLOCK_MONOTONIC; 0 before the first, and of streams.
  virtual std::int64_t last_of_window() const noexcept { return 0; }

  struct Collected : SocketsSeen {
    ErrorCounts errors;
    std::optional<DatagramResult> datagrams;
    // Of readers: ns from when a message was due (unpaced: from its first send()) until its
    // last byte was read; absent where no message is large enough to say.
    std::optional<Histogram> delivery;
  };
  virtual Collected collect() = 0;

  // Closes all sockets. Idempotent.
  virtual void stop() = 0;
};

}  // namespace netstall
