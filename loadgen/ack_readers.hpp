// The sender's end of a stream whose reading program acknowledges each message.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string>

#include "loadgen/event_set.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// Reads acknowledgements, in the reactor, whoever sends: by a descriptor of its own. Those
// that are read within the window count. Of the same messages its own kernel notes when the
// peer's kernel had acknowledged their last byte (ack_times.hpp), by the wall clock, which is
// turned into ours when a note is read. It is not known of one that the program has read
// before its segment was acknowledged whole, as happens at full speed. Nothing is allocated while
// traffic runs, but for more notes than ever waited before.
class AckReaders final : public Receivers {
 public:
  // `buffer` is shared with the worker's readers.
  AckReaders(asio::io_context& io, const FlowTask& task, std::span<char> buffer);
  ~AckReaders() override;

  void adopt(Fd socket) override;
  void start(std::int64_t traffic_from, const Window& window) override;
  // Acknowledgements are no goodput.
  std::uint64_t bytes_in_window() const noexcept override { return 0; }
  Collected collect() override;
  void stop() override;

  // ns from when a message was due (unpaced: from its first send()) until its
  // acknowledgement was read; absent where no message is large enough to say.
  std::optional<Histogram> latency() const;
  // Likewise until the kernel had the peer's, of those of which it is known; absent, too,
  // where the kernel does not tell.
  std::optional<Histogram> kernel_latency() const;

 private:
  struct Connection;
  struct Ready {
    AckReaders* readers;
    void operator()(Connection& connection, std::uint32_t events) const;
  };

  void take(Connection& connection, std::uint32_t events);
  void end(Connection& connection, const std::string& name);
  bool knows_due() const;

  const FlowTask& task_;
  std::span<char> buffer_;
  std::deque<Connection> connections_;
  EventSet<Connection, Ready> events_;
  std::int64_t traffic_from_ = 0;
  Window window_;
  Histogram latency_;
  Histogram kernel_latency_;
  bool kernel_tells_ = true;
  ErrorCounts errors_;
  bool stopped_ = false;
};

}  // namespace netstall
