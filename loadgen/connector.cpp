#include "loadgen/connector.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {
namespace {

// More would overrun the accept queue (somaxconn, 4096) of a server whose workers
// share few CPUs; then SYNs are sent again after a second.
constexpr std::size_t kMostUnderWay = 512;

}  // namespace

struct Connector::Attempt {
  Attempt(asio::io_context& io, std::size_t of_task) : task(of_task), socket(io) {}
  std::size_t task;
  TcpSocket socket;
  std::int64_t began = 0;
  bool port_chosen = false;
  bool abandoned = false;  // its handler may be on its way all the same
};

Connector::Connector(asio::io_context& io, const Configure& configure, Handlers handlers)
    : io_(io),
      configure_(configure),
      handlers_(std::move(handlers)),
      begun_(configure.tasks.size()),
      outcomes_(configure.tasks.size()),
      ramp_timer_(io),
      deadline_timer_(io) {}

Connector::~Connector() = default;

void Connector::start() {
  for (const auto& task : configure_.tasks) {
    const auto& text = task.family == Family::ipv4 ? configure_.peer_v4 : configure_.peer_v6;
    const auto address = address_of(task.family, text, task.port);
    auto& peer = peers_.emplace_back();
    std::memcpy(peer.data(), address.get(), address.length);
    peer.resize(address.length);
    left_ += task.connections;
  }
  const auto now = mono_now();
  started_at_ = now.ns;
  deadline_timer_.expires_at(
      time_point_of((now + configure_.ramp + configure_.connect_deadline).ns));
  deadline_timer_.async_wait([this](const asio::error_code& error) {
    if (!error && !stopped_) give_up();
  });
  pump();
}

void Connector::stop() {
  stopped_ = true;
  ramp_timer_.cancel();
  deadline_timer_.cancel();
  abandon_all();
}

void Connector::abandon_all() {
  for (const auto& attempt : attempts_) {
    asio::error_code ignored;
    attempt->abandoned = true;
    attempt->socket.close(ignored);
  }
  attempts_.clear();
}

std::int64_t Connector::due(std::size_t task) const noexcept {
  const auto& spec = configure_.tasks[task];
  const double part = static_cast<double>(begun_[task]) / std::max(spec.connections, 1U);
  return started_at_ +
         static_cast<std::int64_t>(static_cast<double>(configure_.ramp.count()) * part);
}

void Connector::pump() {
  auto next = std::numeric_limits<std::int64_t>::max();
  const auto now = mono_now().ns;
  for (std::size_t task = 0; task < begun_.size(); ++task) {
    while (begun_[task] < configure_.tasks[task].connections && due(task) <= now &&
           attempts_.size() < kMostUnderWay) {
      connect(task);
    }
    if (begun_[task] < configure_.tasks[task].connections) next = std::min(next, due(task));
  }
  if (left_ == 0) {
    deadline_timer_.cancel();
    if (auto finished = std::exchange(handlers_.finished, nullptr)) finished();
  } else if (next > now && next != std::numeric_limits<std::int64_t>::max()) {
    ramp_timer_.expires_at(time_point_of(next));
    ramp_timer_.async_wait([this](const asio::error_code& error) {
      if (!error && !stopped_) pump();
    });
  }
}

void Connector::connect(std::size_t task) {
  const auto& spec = configure_.tasks[task];
  ++begun_[task];
  Fd fd = make_socket(spec, Side::client);
  if (!fd) return fail(task, errno);
  auto attempt = std::make_shared<Attempt>(io_, task);
  attempts_.insert(attempt);
  attempt->port_chosen = local_ports_.choose(fd.get(), begun_[task] - 1);
  attempt->socket.assign(peers_[task].protocol(), fd.release());
  attempt->began = mono_now().ns;
  await(attempt);
}

void Connector::await(const std::shared_ptr<Attempt>& attempt) {
  attempt->socket.async_connect(
      peers_[attempt->task], [this, attempt](const asio::error_code& error) {
        if (attempt->abandoned) return;
        // Taken, or reserved: the kernel looks for another one.
        if (error.value() == EADDRNOTAVAIL && std::exchange(attempt->port_chosen, false)) {
          LocalPorts::choose_any(attempt->socket.native_handle());
          return await(attempt);
        }
        attempts_.erase(attempt);
        settle(*attempt, error.value());
        pump();
      });
}

void Connector::settle(Attempt& attempt, int error_number) {
  if (error_number != 0) return fail(attempt.task, error_number);
  auto& outcome = outcomes_[attempt.task];
  outcome.connect.record(static_cast<std::uint64_t>(mono_now().ns - attempt.began));
  ++outcome.established;
  --left_;
  handlers_.established(attempt.task, Fd(attempt.socket.release()));
}

void Connector::fail(std::size_t task, int error_number) {
  ++outcomes_[task].failed[errno_name(error_number)];
  --left_;
}

void Connector::give_up() {
  ramp_timer_.cancel();
  for (const auto& attempt : attempts_) fail(attempt->task, ETIMEDOUT);
  abandon_all();
  for (std::size_t task = 0; task < begun_.size(); ++task) {
    for (; begun_[task] < configure_.tasks[task].connections; ++begun_[task]) {
      fail(task, ETIMEDOUT);
    }
  }
  pump();
}

}  // namespace netstall
