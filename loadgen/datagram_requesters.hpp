// The ends that ask over UDP: a request, its response, the next request.
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "loadgen/datagram.hpp"
#include "loadgen/due_timer.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/reactor_stalls.hpp"
#include "loadgen/senders.hpp"

namespace netstall {

// As Requesters of TCP: at most task.pipeline requests are under way on a connection. But a
// request or its response may be lost: one that has no response within kAnswerWithin is
// given up, which frees its place, and a response that comes later is passed over. Nothing
// is sent twice. Nothing is allocated while traffic runs.
class DatagramRequesters final : public Senders {
 public:
  static constexpr auto kAnswerWithin = std::chrono::seconds(1);

  // `payload` holds the largest request, `buffer` a datagram.
  DatagramRequesters(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                     std::string_view payload, std::span<char> buffer);
  ~DatagramRequesters() override;

  void adopt(Fd socket) override;
  void prepare() override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t blocked_now() override { return stalls_.open(); }
  std::int64_t last_of_window() const noexcept override { return last_of_window_; }
  // Messages are responses read; the backlog is of those due and neither answered nor lost.
  Collected collect() override;
  void stop() override;
  // Bytes of responses.
  std::uint64_t bytes_in_window() const noexcept { return bytes_; }

 private:
  struct Connection;
  // A request that is under way.
  struct Place {
    std::uint64_t sequence = 0;
    std::int64_t due = 0;
    std::int64_t sent_at = 0;  // 0: it is free
    bool in_window = false;
  };
  struct Ready {
    DatagramRequesters* requesters;
    void operator()(Connection& connection, std::uint32_t events) const;
  };
  struct Due {
    DatagramRequesters* requesters;
    void operator()(Connection& connection, std::int64_t due) const;
  };
  struct Expire {
    DatagramRequesters* requesters;
    void operator()(Connection& connection, std::int64_t due) const;
  };

  // Sends what may be sent now.
  void pump(Connection& connection, std::int64_t now);
  bool begin_request(Connection& connection, std::int64_t now);
  // False where nothing more can be sent for now.
  bool send_request(Connection& connection, std::int64_t& now);
  void sent_request(Connection& connection, std::int64_t began, std::int64_t ended);
  void drop_request(Connection& connection, std::int64_t now);
  void read_batch(Connection& connection);
  void take(Connection& connection, std::span<const char> datagram, std::int64_t now);
  void next_request(Connection& connection, std::int64_t now);
  void expire(Connection& connection, std::int64_t now);
  // False where the connection has ended.
  bool survives(Connection& connection, int error_number);
  std::span<Place> places_of(const Connection& connection) noexcept;

  const FlowTask& task_;
  std::uint64_t seed_;
  DatagramOut out_;
  std::span<char> buffer_;
  ExchangeSizes sizes_;
  std::deque<Connection> connections_;
  std::vector<Place> places_;  // task.pipeline a connection
  EventSet<Connection, Ready> events_;
  Timer start_timer_;
  DueTimer<Connection, Due> due_timer_;
  DueTimer<Connection, Expire> expire_timer_;
  std::optional<Pacer> pacer_;
  Window window_;
  SendTally tally_;
  Histogram acked_;
  std::int64_t last_of_window_ = 0;
  DatagramResult result_;
  std::uint64_t bytes_ = 0;
  std::uint64_t settled_ = 0;  // answered or lost before the window's end
  ReactorStalls stalls_;
  ErrorCounts errors_;
  bool collected_ = false;
  bool stopped_ = false;
};

}  // namespace netstall
