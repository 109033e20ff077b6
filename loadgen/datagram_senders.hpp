// Senders of datagrams in the reactor: send() until EAGAIN, then again when the socket
// turns writable.
#pragma once

#include <deque>
#include <string_view>
#include <vector>

#include "loadgen/datagram.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/message_source.hpp"
#include "loadgen/reactor_stalls.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// A datagram that an error took, or an error of an earlier one, is counted by its errno and
// not sent again; the connection goes on (spares_the_socket()). After EAGAIN the same
// message waits: it is a stall, as of a stream. Of multicast each connection is a group,
// and all of them send by duplicates of one socket. Nothing is allocated while traffic runs.
class DatagramSenders final : public Senders {
 public:
  DatagramSenders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                  std::string_view payload);
  ~DatagramSenders() override;

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return stalls_.open(); }
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Again;
  struct Ready {
    DatagramSenders* senders;
    void operator()(Connection& connection, std::uint32_t events) const;
  };
  struct Due {
    DatagramSenders* senders;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  void turn(Connection& connection);
  void took(Connection& connection, std::int64_t began, std::int64_t ended);
  void done(Connection& connection, std::int64_t now);
  void wait_writable(Connection& connection, std::int64_t now);
  // False where the connection has ended.
  bool survives(Connection& connection, int error_number);

  asio::io_context& io_;
  const FlowTask& task_;
  DatagramOut out_;
  std::deque<Connection> connections_;
  EventSet<Connection, Ready> events_;
  MessageSource<Connection, Due> source_;
  Window window_;
  SendTally tally_;
  std::vector<std::uint64_t> of_group_;  // of multicast: messages, as tally_ counts them
  std::uint64_t done_ = 0;  // messages that were taken or lost to an error before the window's end
  ReactorStalls stalls_;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
