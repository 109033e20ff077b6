// A worker's ends of a task's connections: what sends and what reads there, by the task's
// pattern and I/O.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "loadgen/ack_readers.hpp"
#include "loadgen/blocking_senders.hpp"
#include "loadgen/datagram_readers.hpp"
#include "loadgen/datagram_requesters.hpp"
#include "loadgen/dialers.hpp"
#include "loadgen/messages.hpp"
#include "loadgen/receivers.hpp"
#include "loadgen/requesters.hpp"

namespace netstall {

// Senders, receivers, or (duplex, and where acknowledgements come back) both. Some are known
// by what they are, too; those are null where they are others.
struct Ends {
  std::unique_ptr<Senders> senders;
  BlockingSenders* blocking = nullptr;
  Requesters* requesters = nullptr;
  Dialers* dialers = nullptr;
  DatagramRequesters* datagram_requesters = nullptr;
  std::unique_ptr<Receivers> receivers;
  DatagramReaders* datagram_readers = nullptr;
  AckReaders* acks = nullptr;

  // Nothing where this end does not read; `pattern` is the task's.
  std::optional<std::uint64_t> bytes_in_window(Pattern pattern) const;
};

// What all ends of a worker are made with; it outlives them.
struct EndsOf {
  asio::io_context& io;
  const Configure& configure;
  std::span<char> payload;  // holds the largest message
  std::span<char> buffer;   // holds what one recv() may bring

  std::string_view text() const noexcept { return {payload.data(), payload.size()}; }
};

// Throws Error for what this worker cannot do.
Ends make_ends(const FlowTask& task, const EndsOf& of);

}  // namespace netstall
