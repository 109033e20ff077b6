// The sending ends of a task: blocking threads or the reactor, behind one face.
#pragma once

#include <cstdint>
#include <optional>

#include "base/fd.hpp"
#include "loadgen/endpoint.hpp"
#include "loadgen/send_tally.hpp"
#include "loadgen/sockets_seen.hpp"
#include "loadgen/window.hpp"

namespace netstall {

// Used from the worker's main thread alone: adopt() each connection, prepare(),
// start(), then blocked_now() at will, collect() once after the window, stop().
// Traffic goes on until stop(). The task, the payload and the io_context that it
// was made with outlive it. Times in ns of CLOCK_MONOTONIC.
class Senders {
 public:
  Senders() = default;
  Senders(const Senders&) = delete;
  Senders& operator=(const Senders&) = delete;
  virtual ~Senders() = default;

  // Takes an established connection.
  virtual void adopt(Fd socket) = 0;
  // Everything that may fail or take time before traffic. Throws Error.
  virtual void prepare() = 0;
  // Messages flow from `traffic_from`.
  virtual void start(std::int64_t traffic_from, const Window& window) = 0;

  // Connections that are within a stall now.
  virtual std::uint64_t blocked_now() = 0;

  // Lasting TCP connections, for somebody who asks the kernel about them; the descriptor of
  // one is -1 where it is gone.
  virtual std::size_t connection_count() const noexcept { return 0; }
  virtual int descriptor(std::size_t) noexcept { return -1; }
  // When the last answer to a datagram of the window came, as Receivers::last_of_window().
  virtual std::int64_t last_of_window() const noexcept { return 0; }

  // What was counted in the window; call after window.to.
  struct Collected : SocketsSeen {
    SendTally tally;
    std::uint64_t backlog = 0;  // of a paced task
    // Of the reactor's streams: see SentResult.
    std::optional<std::uint64_t> vain_sends;
    ErrorCounts errors;
    std::optional<Histogram> acked;    // of requests, ns from due to the response read
    std::optional<Histogram> connect;  // of dialers, ns from connect() to established
    bool exact_gate = true;            // blocking: rseq told who waited
    bool times_calls = true;           // there are send() calls: tally.send_call
    std::optional<DatagramResult> datagrams;
  };
  virtual Collected collect() = 0;

  // Ends all traffic, threads and sockets, whatever the peers do. Idempotent;
  // throws Error where a thread does not end in time.
  virtual void stop() = 0;
};

}  // namespace netstall
