// Senders in the reactor: send() until EAGAIN, then again when the socket turns
// writable.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string_view>

#include "loadgen/due_timer.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// After EAGAIN the rest of the message goes to Asio's async_send, as programs do
// it: edge-triggered. (Asio's async_wait re-arms epoll each time, which reports a
// socket as writable while its memory is refused: it would spin.) The stall lasts
// until that operation has taken a byte.
//
// A turn of one connection is bounded, so that thousands of them are fair to each
// other. Nothing is allocated while traffic runs.
class NonblockingSenders final : public Senders {
 public:
  NonblockingSenders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                     std::string_view payload);
  ~NonblockingSenders() override;

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return blocked_; }
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

  void turn(Connection& connection);
  // False where the turn is over.
  bool begin_message(Connection& connection, std::int64_t now);
  void took(Connection& connection, std::size_t bytes, std::int64_t began, std::int64_t ended);
  void wait_writable(Connection& connection);
  void end_stall(Connection& connection, std::int64_t now);
  void fail(Connection& connection, int error_number);

  asio::io_context& io_;
  const FlowTask& task_;
  std::uint64_t seed_;
  std::string_view payload_;
  std::deque<Connection> connections_;
  Timer start_timer_;
  DueTimer<Connection, Due> due_timer_;
  MessageSizes sizes_;
  std::optional<Pacer> pacer_;  // absent: as fast as the sockets take it
  Window window_;
  SendTally tally_;
  std::uint64_t accepted_ = 0;  // whole messages before the window's end
  std::uint64_t blocked_ = 0;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
