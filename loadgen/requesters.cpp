#include "loadgen/requesters.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {

struct Requesters::Connection {
  Connection(Fd fd, std::uint32_t of_task) : socket(std::move(fd)), index(of_task) {}

  Fd socket;
  std::uint32_t index;
  PacePlace place;                // of the next request
  std::uint64_t begun = 0;        // requests; the last one may be under way
  std::uint64_t answered = 0;     // their responses, whole
  std::size_t size = 0;           // of the request being sent; 0: none is
  std::size_t offset = 0;         // of it: bytes accepted
  std::size_t response_left = 0;  // of the response being read; 0: it has not begun
  std::uint32_t permits = 0;      // unpaced: requests that may begin
  bool queued = false;            // paced: the due timer will call
  bool dead = false;
  std::int64_t stalled_since = 0;  // 0: it is not
};

void Requesters::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead) return;
  if ((events & EPOLLOUT) != 0) {
    const auto now = mono_now().ns;
    requesters->stalls_.end(connection.stalled_since, now, requesters->window_);
    requesters->events_.change(connection.socket.get(), EPOLLIN, connection);
    requesters->pump(connection, now);
  }
  if ((events & ~std::uint32_t{EPOLLOUT}) != 0 && !connection.dead) requesters->read(connection);
}

void Requesters::Due::operator()(Connection& connection, std::int64_t) const {
  if (connection.dead || requesters->stopped_) return;
  connection.queued = false;
  if (!requesters->pacer_) ++connection.permits;
  requesters->pump(connection, mono_now().ns);
}

Requesters::Requesters(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                       std::string_view payload, std::span<char> buffer, bool alone)
    : task_(task),
      seed_(seed),
      payload_(payload),
      buffer_(buffer),
      alone_(alone),
      sizes_(task),
      events_(io, Ready{this}),
      start_timer_(io),
      due_timer_(io, Due{this}) {}

Requesters::~Requesters() = default;

void Requesters::adopt(Fd socket) {
  const auto index = static_cast<std::uint32_t>(connections_.size());
  auto& connection = connections_.emplace_back(std::move(socket), index);
  events_.add(connection.socket.get(), EPOLLIN, connection);
}

void Requesters::prepare() {
  due_.resize(connections_.size() * task_.pipeline);
  due_timer_.reserve(due_.size());
  tally_.send_call.reserve();
  tally_.send_latency.reserve();
  stalls_.reserve();
  acked_.reserve();
}

void Requesters::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  events_.start(!alone_ || task_.pace || task_.think.count() > 0);
  const auto count = static_cast<std::uint32_t>(connections_.size());
  if (task_.pace) {
    pacer_.emplace(traffic_from, *task_.pace, seed_, task_.port);
    due_timer_.set_spin(task_.pace->spin.count());
  }
  for (auto& connection : connections_) {
    if (!pacer_) {
      connection.permits = task_.pipeline;
      continue;
    }
    connection.place = pacer_->first(connection.index, count);
    connection.queued = true;
    due_timer_.push(pacer_->due(connection.place), connection);
  }
  if (pacer_) return;
  start_timer_.expires_at(time_point_of(traffic_from));
  start_timer_.async_wait([this](const asio::error_code& error) {
    if (error || stopped_) return;
    for (auto& connection : connections_) pump(connection, mono_now().ns);
  });
}

std::int64_t& Requesters::due_of(const Connection& connection, std::uint64_t n) noexcept {
  return due_[connection.index * std::size_t{task_.pipeline} + n % task_.pipeline];
}

bool Requesters::begin_request(Connection& connection, std::int64_t now) {
  if (connection.begun - connection.answered >= task_.pipeline) return false;
  auto due = now;
  if (pacer_) {
    due = pacer_->due(connection.place);
    if (due > now) {
      if (!std::exchange(connection.queued, true)) due_timer_.push(due, connection);
      return false;
    }
    pacer_->advance(connection.place);
  } else if (connection.permits == 0) {
    return false;
  } else {
    --connection.permits;
  }
  connection.size = sizes_.request(connection.begun);
  connection.offset = 0;
  due_of(connection, connection.begun++) = due;
  return true;
}

void Requesters::pump(Connection& connection, std::int64_t now) {
  if (connection.dead || connection.stalled_since != 0) return;
  while (connection.size != 0 || begin_request(connection, now)) {
    if (!send_request(connection, now)) return;
  }
}

bool Requesters::send_request(Connection& connection, std::int64_t& now) {
  const auto began = now;
  const ssize_t sent = ::send(connection.socket.get(), payload_.data() + connection.offset,
                              connection.size - connection.offset, MSG_DONTWAIT | MSG_NOSIGNAL);
  const int error_number = errno;
  now = mono_now().ns;
  if (sent <= 0) {
    if (error_number == EINTR) return true;
    if (error_number != EAGAIN) {
      fail(connection, errno_name(error_number));
      return false;
    }
    stalls_.begin(connection.stalled_since, now);
    events_.change(connection.socket.get(), EPOLLIN | EPOLLOUT, connection);
    return false;
  }
  const bool counts = window_.contains(now) && !collected_;
  if (counts) tally_.send_call.record(static_cast<std::uint64_t>(now - began));
  connection.offset += static_cast<std::size_t>(sent);
  if (connection.offset < connection.size) return true;
  connection.size = 0;
  if (counts) {
    const auto due = due_of(connection, connection.begun - 1);
    tally_.send_latency.record(static_cast<std::uint64_t>(now - due));
  }
  return true;
}

void Requesters::read(Connection& connection) {
  const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got > 0) {
    const auto now = mono_now().ns;
    take(connection, static_cast<std::size_t>(got), now);
    pump(connection, now);
  } else if (got == 0) {
    fail(connection, "EOF");
  } else if (errno != EAGAIN && errno != EINTR) {
    fail(connection, errno_name(errno));
  }
}

void Requesters::take(Connection& connection, std::size_t bytes, std::int64_t now) {
  if (window_.contains(now)) bytes_ += bytes;
  while (bytes > 0 && connection.answered < connection.begun) {
    if (connection.response_left == 0) {
      connection.response_left = sizes_.response(connection.answered);
    }
    const auto taken = std::min(bytes, connection.response_left);
    bytes -= taken;
    connection.response_left -= taken;
    if (connection.response_left == 0) answered(connection, now);
  }
  // More than was asked for: the ends do not agree, and no figure would be right.
  if (bytes > 0) fail(connection, "unasked data");
}

void Requesters::answered(Connection& connection, std::int64_t now) {
  const auto due = due_of(connection, connection.answered++);
  if (now < window_.to) ++answered_;
  if (window_.contains(now) && !collected_) {
    ++tally_.messages;
    acked_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - due, 0)));
  }
  if (pacer_) return;
  if (task_.think.count() == 0) {
    ++connection.permits;
  } else {
    due_timer_.push(now + task_.think.count(), connection);
  }
}

void Requesters::fail(Connection& connection, const std::string& name) {
  stalls_.end(connection.stalled_since, mono_now().ns, window_);
  ++errors_[name];
  connection.dead = true;
  connection.socket.reset();
}

std::size_t Requesters::connection_count() const noexcept {
  return connections_.size();
}

int Requesters::descriptor(std::size_t index) noexcept {
  auto& connection = connections_[index];
  return connection.socket.get();
}

Senders::Collected Requesters::collect() {
  Collected collected;
  const auto count = static_cast<std::uint32_t>(connections_.size());
  for (auto& connection : connections_) {
    if (pacer_) collected.backlog += pacer_->due_before(connection.index, count, window_.to);
    if (connection.dead) continue;
    collected.add(connection.socket.get(), task_.family);
    stalls_.cut(connection.stalled_since, window_);
  }
  collected_ = true;
  collected.backlog -= std::min(collected.backlog, answered_);
  collected.tally = std::move(tally_);
  collected.tally.stalls = stalls_.collect();
  collected.acked = std::move(acked_);
  collected.errors = errors_;
  return collected;
}

void Requesters::stop() {
  stopped_ = true;
  start_timer_.cancel();
  due_timer_.stop();
  events_.stop();
  for (auto& connection : connections_) {
    connection.dead = true;
    connection.socket.reset();
  }
}

}  // namespace netstall
