// The ends that answer each datagram with one.
#pragma once

#include <deque>
#include <span>
#include <string_view>

#include "loadgen/datagram.hpp"
#include "loadgen/event_set.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// While a response does not fit into the socket no more requests are read. A response that
// an error took is counted by its errno and not sent again. Nothing is allocated while
// traffic runs.
class DatagramResponders final : public Receivers {
 public:
  // `payload` holds the largest response, `buffer` a datagram.
  DatagramResponders(asio::io_context& io, const FlowTask& task, std::string_view payload,
                     std::span<char> buffer);
  ~DatagramResponders() override;

  void adopt(Fd socket) override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override { return bytes_; }
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Ready {
    DatagramResponders* responders;
    void operator()(Connection& connection, std::uint32_t events) const;
  };

  void serve(Connection& connection);
  // False where the socket takes nothing for now, or has failed.
  bool respond(Connection& connection);
  // False where the connection has ended.
  bool survives(Connection& connection, int error_number);

  const FlowTask& task_;
  DatagramOut out_;
  std::span<char> buffer_;
  ExchangeSizes sizes_;
  std::deque<Connection> connections_;
  EventSet<Connection, Ready> events_;
  Window window_;
  std::uint64_t bytes_ = 0;
  ErrorCounts errors_;
};

}  // namespace netstall
