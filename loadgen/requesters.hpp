// The ends that ask: a request, its response, the next request.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "loadgen/due_timer.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/reactor_stalls.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// At most task.pipeline requests are under way on a connection. Paced, a request is
// due whatever became of those before, and waits for its turn where too many are under
// way; else one follows each response after task.think. Sizes are those that Responders
// know, too. Nothing is allocated while traffic runs.
class Requesters final : public Senders {
 public:
  // `payload` holds the largest request, `buffer` what a recv() may bring; `alone` where
  // the worker has no other task.
  Requesters(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
             std::string_view payload, std::span<char> buffer, bool alone);
  ~Requesters() override;

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return stalls_.open(); }
  std::size_t connection_count() const noexcept override;
  int descriptor(std::size_t index) noexcept override;
  // Messages are responses read whole; the backlog is of those due and not answered.
  Collected collect() override;
  void stop() override;
  // Bytes of responses.
  std::uint64_t bytes_in_window() const noexcept { return bytes_; }

 private:
  struct Connection;
  struct Ready {
    Requesters* requesters;
    void operator()(Connection& connection, std::uint32_t events) const;
  };
  struct Due {
    Requesters* requesters;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  // Sends what may be sent now.
  void pump(Connection& connection, std::int64_t now);
  bool begin_request(Connection& connection, std::int64_t now);
  // False where the socket takes no more for now.
  bool send_request(Connection& connection, std::int64_t& now);
  void read(Connection& connection);
  void take(Connection& connection, std::size_t bytes, std::int64_t now);
  void answered(Connection& connection, std::int64_t now);
  void fail(Connection& connection, const std::string& name);
  // When the request with number `n` of this connection was due, while it is under way.
  std::int64_t& due_of(const Connection& connection, std::uint64_t n) noexcept;

  const FlowTask& task_;
  std::uint64_t seed_;
  std::string_view payload_;
  std::span<char> buffer_;
  bool alone_;
  ExchangeSizes sizes_;
  std::deque<Connection> connections_;
  std::vector<std::int64_t> due_;  // task.pipeline a connection
  EventSet<Connection, Ready> events_;
  Timer start_timer_;
  DueTimer<Connection, Due> due_timer_;
  std::optional<Pacer> pacer_;
  Window window_;
  SendTally tally_;
  Histogram acked_;
  std::uint64_t bytes_ = 0;
  std::uint64_t answered_ = 0;  // before the window's end
  ReactorStalls stalls_;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
