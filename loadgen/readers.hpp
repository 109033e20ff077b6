// The reading ends of a task, in the reactor: at once, at a limited rate, with
// pauses, or not any more.
#pragma once

#include <deque>
#include <span>
#include <vector>

#include "loadgen/due_timer.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/reader_turns.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// All of them read into one buffer, and copy as programs do. What they read are marked
// messages; where it is not, the connection ends with the error "garbled data". Where the
// task asks for it, messages are acknowledged as they are read; a connection that does not
// take its acknowledgements is not read until it does. Nothing is allocated while traffic
// runs and takes them.
class Readers final : public Receivers {
 public:
  // `buffer` holds read_size(task) bytes; `alone` where the worker has nothing else to do.
  Readers(asio::io_context& io, const FlowTask& task, std::uint64_t seed, std::span<char> buffer,
          bool alone);
  ~Readers() override;

  // Those that are not limited try once more when they have taken all that there was.
  void try_in_vain() noexcept { tries_in_vain_ = true; }

  void adopt(Fd socket) override;
  // Reads from `traffic_from` on, for task.reader.stop_after, but for the times when
  // it is frozen.
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override { return bytes_; }
  std::size_t connection_count() const noexcept override;
  int descriptor(std::size_t index) noexcept override;
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Ready {
    Readers* readers;
    void operator()(Connection& connection, std::uint32_t) const;
  };
  struct Due {
    Readers* readers;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  void begin(std::int64_t from, bool first);
  void begin(Connection& connection, std::int64_t from);
  // The set says when there is something to read, until unwatch().
  void watch(Connection& connection);
  void unwatch(Connection& connection) noexcept;
  void take_ready(Connection& connection);
  // A rate-limited connection is due; takes what is there, or waits for it.
  void take_due(Connection& connection, std::int64_t due);
  // Reads once: how many bytes; nothing where there are none, or the connection has ended.
  std::size_t take(Connection& connection, std::int64_t& now);
  // Sends those of what was just read, after what is still to be sent of those before.
  void send_acks(Connection& connection);
  void set_interest(Connection& connection);
  void fail(Connection& connection, const std::string& name);
  void freeze();

  const FlowTask& task_;
  std::uint64_t seed_;
  std::span<char> buffer_;
  bool alone_;
  bool tries_in_vain_ = false;
  std::deque<Connection> connections_;
  EventSet<Connection, Ready> events_;
  ReaderTurns turns_;
  DueTimer<Connection, Due> due_timer_;
  std::int64_t traffic_from_ = 0;
  Window window_;
  std::uint64_t bytes_ = 0;
  Histogram delivery_;
  std::vector<char> acks_;  // of one recv()
  ErrorCounts errors_;
  bool stopped_ = false;
};

}  // namespace netstall
