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

// Connects that a turn of the reactor begins: those that are established at once would
// else keep it from all others.
constexpr int kMostATurn = 64;

// What connect() says.
int try_connect(int socket, const asio::ip::tcp::endpoint& peer) noexcept {
  const auto length = static_cast<socklen_t>(peer.size());
  return ::connect(socket, peer.data(), length) == 0 ? 0 : errno;
}

}  // namespace

struct Connector::Attempt {
  Attempt(asio::io_context& io, std::size_t of_task, std::int64_t began_at)
      : task(of_task), socket(io), began(began_at) {}
  std::size_t task;
  TcpSocket socket;
  std::int64_t began;
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
    const auto address = address_of(task.family, task.peer, task.port);
    auto& peer = peers_.emplace_back();
    std::memcpy(peer.data(), address.get(), address.length);
    peer.resize(address.length);
    // Those of UDP need no handshake, those of connect are its Dialers'.
    const bool others = is_udp(task.pattern) || task.pattern == Pattern::connect;
    begun_[peers_.size() - 1] = others ? task.connections : 0;
    left_ += others ? 0 : task.connections;
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
  int begun = 0;
  for (std::size_t task = 0; task < begun_.size(); ++task) {
    while (begun_[task] < configure_.tasks[task].connections && due(task) <= now &&
           attempts_.size() < kMostUnderWay && begun < kMostATurn) {
      connect(task);
      ++begun;
    }
    if (begun_[task] < configure_.tasks[task].connections) next = std::min(next, due(task));
  }
  if (left_ == 0) {
    deadline_timer_.cancel();
    if (auto finished = std::exchange(handlers_.finished, nullptr)) finished();
  } else if (next != std::numeric_limits<std::int64_t>::max() &&
             (next > now || attempts_.size() < kMostUnderWay)) {
    ramp_timer_.expires_at(time_point_of(next));
    ramp_timer_.async_wait([this](const asio::error_code& error) {
      if (!error && !stopped_) pump();
    });
  }
}

// In a lab the peer has mostly answered by the time that connect() returns: then the
// second one says so, and the reactor need not know of the socket.
void Connector::connect(std::size_t task) {
  const auto& spec = configure_.tasks[task];
  const auto& peer = peers_[task];
  ++begun_[task];
  Fd fd = make_socket(spec, Side::client);
  if (!fd) return fail(task, errno);
  const bool port_chosen = local_ports_.choose(fd.get(), begun_[task] - 1);
  const auto began = mono_now().ns;
  int error_number = try_connect(fd.get(), peer);
  // Taken, or reserved: the kernel looks for another one.
  if (error_number == EADDRNOTAVAIL && port_chosen) {
    LocalPorts::choose_any(fd.get());
    error_number = try_connect(fd.get(), peer);
  }
  if (error_number == EINPROGRESS) error_number = try_connect(fd.get(), peer);
  if (error_number != EALREADY && error_number != EINPROGRESS) {
    return settle(task, std::move(fd), began, error_number);
  }
  auto attempt = std::make_shared<Attempt>(io_, task, began);
  attempts_.insert(attempt);
  attempt->socket.assign(peer.protocol(), fd.release());
  attempt->socket.async_wait(TcpSocket::wait_write, [this, attempt](const asio::error_code& error) {
    if (attempt->abandoned) return;
    const int outcome = error ? error.value() : take_socket_error(attempt->socket.native_handle());
    attempts_.erase(attempt);
    settle(attempt->task, Fd(attempt->socket.release()), attempt->began, outcome);
    pump();
  });
}

void Connector::settle(std::size_t task, Fd socket, std::int64_t began, int error_number) {
  if (error_number != 0) return fail(task, error_number);
  auto& outcome = outcomes_[task];
  outcome.connect.record(static_cast<std::uint64_t>(mono_now().ns - began));
  ++outcome.established;
  --left_;
  handlers_.established(task, std::move(socket));
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
