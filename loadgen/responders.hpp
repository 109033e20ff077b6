// The ends that answer each request with a response.
#pragma once

#include <deque>
#include <span>
#include <string_view>

#include "loadgen/event_set.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// Requests and responses have the sizes that Requesters of the same task give them.
// While a response does not fit into the socket no more requests are read. Nothing is
// allocated while traffic runs.
class Responders final : public Receivers {
 public:
  // `payload` holds the largest response, `buffer` what a recv() may bring; `alone` where
  // the worker has no other task.
  Responders(asio::io_context& io, const FlowTask& task, std::string_view payload,
             std::span<char> buffer, bool alone);
  ~Responders() override;

  void adopt(Fd socket) override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override { return bytes_; }
  std::size_t connection_count() const noexcept override;
  int descriptor(std::size_t index) noexcept override;
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Ready {
    Responders* responders;
    void operator()(Connection& connection, std::uint32_t events) const;
  };

  void read(Connection& connection);
  void take(Connection& connection, std::size_t bytes);
  void respond(Connection& connection);
  void fail(Connection& connection, const std::string& name);

  const FlowTask& task_;
  std::string_view payload_;
  std::span<char> buffer_;
  bool alone_;
  ExchangeSizes sizes_;
  std::deque<Connection> connections_;
  EventSet<Connection, Ready> events_;
  Window window_;
  std::uint64_t bytes_ = 0;
  ErrorCounts errors_;
};

}  // namespace netstall
