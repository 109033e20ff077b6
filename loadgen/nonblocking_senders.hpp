// Senders in the reactor: send() until EAGAIN, then again when the socket turns
// writable.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <span>

#include "loadgen/event_set.hpp"
#include "loadgen/message_source.hpp"
#include "loadgen/reactor_stalls.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// After EAGAIN the rest of the message goes to Asio's async_send, as programs do
// it: edge-triggered. (Asio's async_wait re-arms epoll each time, which reports a
// socket as writable while its memory is refused: it would spin.) Level-triggered, it
// goes to a send() for each time that an epoll set says that the socket is writable,
// which does spin. The stall lasts until a byte is taken.
//
// A turn of one connection is bounded, so that thousands of them are fair to each
// other. Nothing is allocated while traffic runs. Messages are marked for their readers.
class NonblockingSenders final : public Senders {
 public:
  // `payload` holds the largest message; its first bytes are written to.
  NonblockingSenders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                     std::span<char> payload);
  ~NonblockingSenders() override;

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return stalls_.open(); }
  std::size_t connection_count() const noexcept override;
  int descriptor(std::size_t index) noexcept override;
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct TimedBuffer;
  struct Sent;
  struct Again;
  struct Due {
    NonblockingSenders* senders;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  struct Writable {
    NonblockingSenders* senders;
    void operator()(Connection& connection, std::uint32_t) const;
  };

  void turn(Connection& connection);
  // The mark of the current message is needed, and may be another's by now.
  void mark(const Connection& connection) noexcept;
  void took(Connection& connection, std::size_t bytes, std::int64_t began, std::int64_t ended);
  // The reactor's send() met ENOBUFS. That it may send was told once, and will not be again.
  void send_anyway(Connection& connection);
  // One send() of the current message's rest, or of the part of it that goes alike.
  ssize_t send_rest(Connection& connection) noexcept;
  void wait_writable(Connection& connection);
  // Level-triggered: the socket is said to be writable.
  void try_again(Connection& connection);
  void fail(Connection& connection, int error_number);

  asio::io_context& io_;
  const FlowTask& task_;
  std::span<char> payload_;
  std::deque<Connection> connections_;
  std::optional<EventSet<Connection, Writable>> writable_;  // level-triggered
  MessageSource<Connection, Due> source_;
  std::int64_t traffic_from_ = 0;
  Window window_;
  SendTally tally_;
  std::uint64_t accepted_ = 0;  // whole messages before the window's end
  std::uint64_t vain_ = 0;
  ReactorStalls stalls_;
  ErrorCounts errors_;
  bool begins_to_wait_ = false;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
