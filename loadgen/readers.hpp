// The reading ends of a task, in the reactor: at once, at a limited rate, or not
// any more.
#pragma once

#include <deque>
#include <optional>
#include <span>

#include "loadgen/due_timer.hpp"
#include "loadgen/endpoint.hpp"
#include "loadgen/reader_schedule.hpp"
#include "loadgen/window.hpp"

namespace netstall {

// All of them read into one buffer, and copy as programs do. Used from the
// reactor's thread alone: adopt() each connection, start(), bytes_in_window() at
// will, collect() after the window, stop(). What they are made with outlives them.
class Readers {
 public:
  // `buffer` holds read_size(task) bytes.
  Readers(asio::io_context& io, const FlowTask& task, std::uint64_t seed, std::span<char> buffer);
  ~Readers();
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // Takes an established connection.
  void adopt(Fd socket);
  // Reads from `traffic_from` on, and for task.stop_after.
  void start(std::int64_t traffic_from, const Window& window);

  std::uint64_t bytes_in_window() const noexcept { return bytes_; }

  struct Collected {
    std::uint32_t alive = 0;
    ErrorCounts errors;
    Histogram sndbuf;
    Histogram rcvbuf;
  };
  Collected collect();

  // Closes all sockets. Idempotent.
  void stop();

 private:
  struct Connection;
  struct Received;
  struct Due {
    Readers* readers;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  void begin(std::int64_t traffic_from);
  void receive(Connection& connection);
  // A rate-limited connection is due; takes what is there, or waits for it.
  void take_due(Connection& connection, std::int64_t due);
  // False where the connection has ended.
  bool count(Connection& connection, std::size_t bytes, std::int64_t now);
  void fail(Connection& connection, const std::string& name);
  void read_no_more();

  asio::io_context& io_;
  const FlowTask& task_;
  std::uint64_t seed_;
  std::span<char> buffer_;
  std::deque<Connection> connections_;
  Timer start_timer_;
  Timer stop_timer_;
  DueTimer<Connection, Due> due_timer_;
  std::optional<ReaderSchedule> schedule_;
  Window window_;
  std::uint64_t bytes_ = 0;
  ErrorCounts errors_;
  bool reading_ = true;
  bool stopped_ = false;
};

}  // namespace netstall
