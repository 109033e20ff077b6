// A server's listeners: one a task of TCP, since the port tells what a connection is for.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <vector>

#include "loadgen/endpoint.hpp"
#include "loadgen/reactor.hpp"

namespace netstall {

// Accepts until every task has the connections that it expects, then listens no
// more. Of connect none is expected: its Answerers listen; where that is all, it
// ends with settle(). The tasks and the io_context outlive it.
// Reactor's thread alone.
class Acceptor {
 public:
  struct Handlers {
    std::function<void(std::size_t task, Fd socket)> established;
    std::function<void()> finished;  // all are here, or the deadline has passed
  };

  struct Outcome {
    std::uint32_t established = 0;
    ErrorCounts failed;  // of accept()
  };

  Acceptor(asio::io_context& io, const Configure& configure, Handlers handlers);
  ~Acceptor();
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  // Throws Error where an address, an option or a port is refused.
  void listen();
  // Accepts; gives up configure.connect_deadline after the ramp, from now. Where no task has
  // a listener, it is done when that is settled.
  void start();
  // From now on only so many are expected; as configure.tasks. Gives up
  // configure.connect_deadline from now.
  void settle(const std::vector<std::uint32_t>& connections);
  // No handler is called any more. Idempotent.
  void stop();

  // As configure.tasks.
  const std::vector<Outcome>& outcomes() const noexcept { return outcomes_; }

 private:
  struct Listener;

  void await(Listener& listener);
  void accept_batch(Listener& listener);
  void finish_if_complete();
  void finish();
  void finish_at(std::int64_t at_ns);

  asio::io_context& io_;
  const Configure& configure_;
  Handlers handlers_;
  std::vector<Outcome> outcomes_;
  std::vector<std::uint32_t> expected_;
  std::deque<Listener> listeners_;
  Timer deadline_timer_;
  // Handlers that were on their way when stop() was called come all the same.
  bool stopped_ = false;
};

}  // namespace netstall
