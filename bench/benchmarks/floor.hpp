// The floor: what the kernel gives a bare loop of system calls, which counts and does
// nothing else. netstall's generators are measured against it.
#pragma once

#include <cstdint>

#include "base/units.hpp"
#include "bench/benchmarks/stage.hpp"

namespace netstall {

enum class FloorWork : std::uint8_t {
  stream_blocking,   // a thread per sender: send(); one thread reads, by epoll where many
  stream_threads,    // a thread per connection at either end: send(), recv()
  stream_epoll,      // one thread: send() until EAGAIN, epoll_wait()
  request_response,  // one thread a side: epoll_wait(), recv(), send()
  connect,           // the same, and a connection for each, which the client resets
};

// Else bytes.
bool counts_exchanges(FloorWork work) noexcept;

struct FloorSpec {
  FloorWork work = FloorWork::stream_blocking;
  std::uint32_t connections = 1;
  std::uint32_t bytes = 16384;  // of a write, or of a request and of its response
};

struct FloorFigures {
  double bytes_per_s = 0;      // of streams, as the reader takes them
  Nanoseconds cpu{0};          // of both sides, within the window
  double exchanges_per_s = 0;  // of request-response and connect
};

// One process a side, from client to server; the sockets' options are those that
// netstall's own have by default. Throws Error where a side fails.
FloorFigures run_floor(const Stage& stage, const FloorSpec& spec, Nanoseconds warmup,
                       Nanoseconds window);

// How long bare loops of connect() and accept() take for so many connections, one local
// port after the other as netstall's own take them; several processes a side where one may
// not have as many descriptors. They are closed before it returns. Throws Error where a
// side fails.
Nanoseconds connect_floor(const Stage& stage, std::uint64_t connections);

}  // namespace netstall
