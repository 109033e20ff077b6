#include "loadgen/responders.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {

struct Responders::Connection {
  explicit Connection(Fd fd) : socket(std::move(fd)) {}

  Fd socket;
  std::uint64_t requests = 0;    // read whole
  std::size_t request_left = 0;  // of the one being read; 0: it has not begun
  std::size_t to_send = 0;       // bytes of responses
  bool blocked = false;          // waits until the socket takes more
  bool dead = false;
};

void Responders::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead) return;
  if (connection.blocked) {
    responders->respond(connection);
    return;
  }
  if (events != 0) responders->read(connection);
}

Responders::Responders(asio::io_context& io, const FlowTask& task, std::string_view payload,
                       std::span<char> buffer, bool alone)
    : task_(task),
      payload_(payload),
      buffer_(buffer),
      alone_(alone),
      sizes_(task),
      events_(io, Ready{this}) {}

Responders::~Responders() = default;

void Responders::adopt(Fd socket) {
  auto& connection = connections_.emplace_back(std::move(socket));
  events_.add(connection.socket.get(), EPOLLIN, connection);
}

void Responders::start(std::int64_t, const Window& window) {
  window_ = window;
  events_.start(!alone_);
}

void Responders::read(Connection& connection) {
  const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got > 0) {
    if (window_.contains(mono_now().ns)) bytes_ += static_cast<std::uint64_t>(got);
    take(connection, static_cast<std::size_t>(got));
    if (connection.to_send > 0) respond(connection);
  } else if (got == 0) {
    fail(connection, "EOF");
  } else if (errno != EAGAIN && errno != EINTR) {
    fail(connection, errno_name(errno));
  }
}

void Responders::take(Connection& connection, std::size_t bytes) {
  while (bytes > 0) {
    if (connection.request_left == 0) {
      connection.request_left = sizes_.request(connection.requests);
    }
    const auto taken = std::min(bytes, connection.request_left);
    bytes -= taken;
    connection.request_left -= taken;
    if (connection.request_left > 0) return;
    connection.to_send += sizes_.response(connection.requests++);
  }
}

void Responders::respond(Connection& connection) {
  while (connection.to_send > 0) {
    const ssize_t sent =
        ::send(connection.socket.get(), payload_.data(),
               std::min(connection.to_send, payload_.size()), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      connection.to_send -= static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      if (!std::exchange(connection.blocked, true)) {
        events_.change(connection.socket.get(), EPOLLOUT, connection);
      }
      return;
    } else if (errno != EINTR) {
      fail(connection, errno_name(errno));
      return;
    }
  }
  if (std::exchange(connection.blocked, false)) {
    events_.change(connection.socket.get(), EPOLLIN, connection);
  }
}

void Responders::fail(Connection& connection, const std::string& name) {
  ++errors_[name];
  connection.dead = true;
  connection.socket.reset();
}

std::size_t Responders::connection_count() const noexcept {
  return connections_.size();
}

int Responders::descriptor(std::size_t index) noexcept {
  auto& connection = connections_[index];
  return connection.socket.get();
}

Receivers::Collected Responders::collect() {
  Collected collected;
  collected.errors = errors_;
  for (const auto& connection : connections_) {
    if (!connection.dead) collected.add(connection.socket.get(), task_.family);
  }
  return collected;
}

void Responders::stop() {
  events_.stop();
  for (auto& connection : connections_) {
    connection.dead = true;
    connection.socket.reset();
  }
}

}  // namespace netstall
