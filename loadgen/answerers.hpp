// The ends that are called: accept a connection, answer its one request, see it closed.
#pragma once

#include <deque>
#include <span>
#include <string_view>
#include <vector>

#include "loadgen/event_set.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/receivers.hpp"

namespace netstall {

// Listens from its making on, accepts once traffic begins. Requests and responses carry
// their own sizes (message_mark.hpp), since the ends of a connection that lasts for one
// exchange know nothing of each other. Nothing is allocated while traffic runs, but where
// more connections are open at once than ever before.
class Answerers final : public Receivers {
 public:
  // `address` is where to listen, `payload` holds the largest response (its first bytes are
  // written to), `buffer` what a recv() may bring; `alone` where the worker has no other
  // task. Throws Error where an address, an option or a port is refused.
  Answerers(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
            const std::string& address, std::span<char> payload, std::span<char> buffer,
            bool alone);
  ~Answerers() override;

  // There is none to take.
  void adopt(Fd socket) override;
  void start(std::int64_t traffic_from, const Window& window) override;
  std::uint64_t bytes_in_window() const noexcept override { return bytes_; }
  // Of connections that are open then; all of the task's count as alive.
  Collected collect() override;
  void stop() override;

 private:
  struct Connection;
  struct Ready {
    Answerers* answerers;
    void operator()(Connection& connection, std::uint32_t events) const;
  };

  void accept_some();
  void serve(Connection& connection, std::uint32_t events);
  // False where the connection is over.
  bool read(Connection& connection);
  bool respond(Connection& connection);
  void fail(Connection& connection, const std::string& name);
  void end(Connection& connection) noexcept;

  const FlowTask& task_;
  std::span<char> payload_;
  std::span<char> buffer_;
  bool alone_;
  MessageSizes sizes_;
  std::uint64_t size_stream_;
  std::uint64_t responses_ = 0;
  std::deque<Connection> connections_;  // the listener first
  std::vector<Connection*> free_;
  EventSet<Connection, Ready> events_;
  Timer pause_;
  Window window_;
  std::uint64_t bytes_ = 0;
  ErrorCounts errors_;
  bool stopped_ = false;
};

}  // namespace netstall
