// The reading ends of a task, in the reactor: at once, at a limited rate, with
// pauses, or not any more.
#pragma once

#include <deque>
#include <span>

#include "loadgen/due_timer.hpp"
#include "loadgen/reader_schedule.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// All of them read into one buffer, and copy as programs do.
class Readers final : public Receivers {
 public:
  // `buffer` holds read_size(task) bytes.
  Readers(asio::io_context& io, const FlowTask& task, std::uint64_t seed, std::span<char> buffer);
  ~Readers() override;

  void adopt(Fd socket) override;
  // Reads from `traffic_from` on, for task.reader.stop_after, but for the times when
  // it is frozen.
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override { return bytes_; }
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Received;
  struct Due {
    Readers* readers;
    void operator()(Connection& connection, std::int64_t due) const;
  };
  // A time when those that freeze begin to read, or cease.
  struct Turn {
    std::int64_t at;
    bool reading;
  };

  void plan_turns(std::int64_t traffic_from);
  void await_turn();
  void begin(std::int64_t from);
  void begin(Connection& connection, std::int64_t from);
  bool may_read(const Connection& connection) const noexcept;
  void receive(Connection& connection);
  // A rate-limited connection is due; takes what is there, or waits for it.
  void take_due(Connection& connection, std::int64_t due);
  // False where the connection has ended.
  bool count(Connection& connection, std::size_t bytes, std::int64_t now);
  void fail(Connection& connection, const std::string& name);
  void freeze();

  asio::io_context& io_;
  const FlowTask& task_;
  std::uint64_t seed_;
  std::span<char> buffer_;
  std::deque<Connection> connections_;
  std::vector<Turn> turns_;  // by time; those to come from next_turn_ on
  std::size_t next_turn_ = 0;
  Timer turn_timer_;
  DueTimer<Connection, Due> due_timer_;
  Window window_;
  std::uint64_t bytes_ = 0;
  ErrorCounts errors_;
  bool begun_ = false;
  bool frozen_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
