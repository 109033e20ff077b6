// A client's ramp: connects spread evenly over time, many of them under way.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <vector>

#include "loadgen/endpoint.hpp"
#include "loadgen/local_ports.hpp"
#include "loadgen/reactor.hpp"

namespace netstall {

// The tasks and the io_context outlive it. Reactor's thread alone.
class Connector {
 public:
  struct Handlers {
    std::function<void(std::size_t task, Fd socket)> established;
    std::function<void()> finished;  // every connect has succeeded or failed
  };

  struct Outcome {
    std::uint32_t established = 0;
    ErrorCounts failed;
    Histogram connect;  // ns from connect() to established
  };

  Connector(asio::io_context& io, const Configure& configure, Handlers handlers);
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // Of connect nothing is to be done: its Dialers do. Connect i of another task of N starts ramp ·
  // i/N from now. What is not established configure.connect_deadline after the ramp fails with
  // ETIMEDOUT. Throws Error for addresses and socket options that make no sense; a refused connect
  // is data.
  void start();
  // No handler is called any more. Idempotent.
  void stop();

  // As configure.tasks.
  const std::vector<Outcome>& outcomes() const noexcept { return outcomes_; }

 private:
  struct Attempt;

  void pump();
  std::int64_t due(std::size_t task) const noexcept;
  void connect(std::size_t task);
  void settle(std::size_t task, Fd socket, std::int64_t began, int error_number);
  void fail(std::size_t task, int error_number);
  void give_up();
  void abandon_all();

  asio::io_context& io_;
  const Configure& configure_;
  Handlers handlers_;
  LocalPorts local_ports_;
  std::vector<asio::ip::tcp::endpoint> peers_;
  std::vector<std::uint32_t> begun_;
  std::vector<Outcome> outcomes_;
  std::set<std::shared_ptr<Attempt>> attempts_;
  Timer ramp_timer_;
  Timer deadline_timer_;
  std::int64_t started_at_ = 0;
  std::uint64_t left_ = 0;  // neither established nor failed
  // Handlers that were on their way when stop() was called come all the same.
  bool stopped_ = false;
};

}  // namespace netstall
