#include "loadgen/answerers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/message_mark.hpp"

namespace netstall {
namespace {

// Then connections that are there already get their turn.
constexpr int kAcceptsATurn = 64;
// Without a free descriptor or memory accept() would fail again at once.
constexpr auto kAcceptPause = std::chrono::milliseconds(20);

}  // namespace

struct Answerers::Connection {
  Fd socket;
  MarkReader request;
  std::size_t to_send = 0;  // of the response
  std::size_t size = 0;     // of the response; 0: the request is not read whole
  bool blocked = false;     // waits until the socket takes more
};

void Answerers::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (!connection.socket) return;
  if (&connection == &answerers->connections_.front()) return answerers->accept_some();
  answerers->serve(connection, events);
}

Answerers::Answerers(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                     const std::string& address, std::span<char> payload, std::span<char> buffer,
                     bool alone)
    : task_(task),
      payload_(payload),
      buffer_(buffer),
      alone_(alone),
      sizes_(task.response),
      size_stream_(stream_of(seed, Draw::response, task.port, 0)),
      events_(io, Ready{this}),
      pause_(io) {
  connections_.emplace_back().socket = listen_on(task, address);
}

Answerers::~Answerers() = default;

void Answerers::adopt(Fd) {
  throw Error(ErrorKind::failed, "take a connection", "its ends make their own");
}

void Answerers::start(std::int64_t, const Window& window) {
  window_ = window;
  free_.reserve(task_.connections);
  for (std::uint32_t i = 0; i < task_.connections; ++i) {
    free_.push_back(&connections_.emplace_back());
  }
  auto& listener = connections_.front();
  events_.add(listener.socket.get(), EPOLLIN, listener);
  events_.start(!alone_);
}

void Answerers::accept_some() {
  auto& listener = connections_.front();
  for (int i = 0; i < kAcceptsATurn; ++i) {
    Fd fd(::accept4(listener.socket.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) {
      if (errno == EAGAIN) return;
      if (errno == EINTR) continue;
      ++errors_[errno_name(errno)];
      if (errno == ECONNABORTED) continue;
      events_.change(listener.socket.get(), 0, listener);
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this, &listener](const asio::error_code& error) {
        if (!error && !stopped_) events_.change(listener.socket.get(), EPOLLIN, listener);
      });
      return;
    }
    set_not_inherited(fd.get(), task_);
    if (free_.empty()) {
      connections_.emplace_back();
      free_.reserve(connections_.size());
      free_.push_back(&connections_.back());
    }
    auto& connection = *free_.back();
    free_.pop_back();
    connection.socket = std::move(fd);
    events_.add(connection.socket.get(), EPOLLIN | EPOLLRDHUP | EPOLLET, connection);
  }
}

void Answerers::serve(Connection& connection, std::uint32_t events) {
  if (connection.size == 0 && !read(connection)) return;
  if (connection.to_send > 0 && !respond(connection)) return;
  if (connection.to_send > 0) return;
  constexpr std::uint32_t kOver = EPOLLRDHUP | EPOLLHUP | EPOLLERR;
  const bool answered = connection.size > 0;
  if (answered && (task_.closes == Side::server || (events & kOver) != 0)) return end(connection);
  // In the middle of a request.
  if (!answered && (events & kOver) != 0) fail(connection, "EOF");
}

bool Answerers::read(Connection& connection) {
  for (;;) {
    const ssize_t got =
        ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) {
      fail(connection, got == 0 ? "EOF" : errno_name(errno));
      return false;
    }
    const auto bytes = static_cast<std::size_t>(got);
    if (window_.contains(mono_now().ns)) bytes_ += bytes;
    int requests = 0;
    const bool good = connection.request.take(buffer_.first(bytes), [&](auto) { ++requests; });
    if (!good || requests > 1) {
      fail(connection, "garbled data");
      return false;
    }
    if (requests == 1) {
      connection.size = connection.to_send = sizes_.of(size_stream_, responses_++);
      return true;
    }
    // All that was there: what comes from now on is another event.
    if (bytes < buffer_.size()) return true;
  }
}

bool Answerers::respond(Connection& connection) {
  while (connection.to_send > 0) {
    const auto offset = connection.size - connection.to_send;
    if (offset < kMarkBytes) write_mark(payload_.data(), connection.size, 0);
    const ssize_t sent = ::send(connection.socket.get(), payload_.data() + offset,
                                connection.to_send, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      connection.to_send -= static_cast<std::size_t>(sent);
    } else if (errno == EAGAIN) {
      if (std::exchange(connection.blocked, true)) return true;
      events_.change(connection.socket.get(), EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                     connection);
      return true;
    } else if (errno != EINTR) {
      fail(connection, errno_name(errno));
      return false;
    }
  }
  return true;
}

void Answerers::fail(Connection& connection, const std::string& name) {
  ++errors_[name];
  end(connection);
}

void Answerers::end(Connection& connection) noexcept {
  connection.socket.reset();
  connection.request = MarkReader();
  connection.size = connection.to_send = 0;
  connection.blocked = false;
  // It has room for all of them.
  free_.push_back(&connection);
}

Receivers::Collected Answerers::collect() {
  Collected collected;
  collected.errors = errors_;
  for (std::size_t i = 1; i < connections_.size(); ++i) {
    if (connections_[i].socket) collected.add(connections_[i].socket.get(), task_.family);
  }
  collected.alive = task_.connections;
  return collected;
}

void Answerers::stop() {
  stopped_ = true;
  pause_.cancel();
  events_.stop();
  for (auto& connection : connections_) {
    if (connection.socket) set_linger(connection.socket.get(), Nanoseconds(0));
    connection.socket.reset();
  }
}

}  // namespace netstall
