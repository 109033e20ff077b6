// The reading ends of UDP, in the reactor: datagrams are taken one by one, at once, at a
// limited rate, with pauses, or not any more.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "loadgen/datagram.hpp"
#include "loadgen/due_timer.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/reader_turns.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// A rate of n bytes a second lets the next datagram be read when this one's bytes have
// had their time, as of streams (reader_schedule.hpp). Nothing is allocated while
// traffic runs.
class DatagramReaders final : public Receivers {
 public:
  // `buffer` holds read_size(task) bytes.
  DatagramReaders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                  std::span<char> buffer);
  ~DatagramReaders() override;

  void adopt(Fd socket) override;
  // Of multicast: a socket that has joined these groups, each of which is a connection.
  void adopt(Fd socket, std::vector<std::uint32_t> groups);
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override { return bytes_; }
  std::int64_t last_of_window() const noexcept override { return last_of_window_; }
  // Also takes from the sockets what the window's senders left there, and counts it as
  // unread. Call it when what was sent in the window has had its time to arrive.
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Ready {
    DatagramReaders* readers;
    void operator()(Connection& connection, std::uint32_t events) const;
  };
  struct Due {
    DatagramReaders* readers;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  void begin(std::int64_t from, bool first);
  void begin(Connection& connection, std::int64_t from);
  void freeze();
  void watch(Connection& connection, bool on);
  void read_batch(Connection& connection);
  void take_due(Connection& connection, std::int64_t due);
  // Bytes of the datagram that was read; nothing where none is there, or the socket failed.
  std::optional<std::size_t> read_one(Connection& connection, std::int64_t& now);
  void count(Connection& connection, std::span<const char> datagram, std::int64_t now);
  void count_unread(Connection& connection);
  void error(Connection& connection, int error_number);

  const FlowTask& task_;
  std::uint64_t seed_;
  std::span<char> buffer_;
  std::deque<Connection> connections_;
  EventSet<Connection, Ready> events_;
  ReaderTurns turns_;
  DueTimer<Connection, Due> due_timer_;
  Window window_;
  std::uint64_t bytes_ = 0;
  std::int64_t last_of_window_ = 0;
  DatagramResult result_;
  Histogram delivery_;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
