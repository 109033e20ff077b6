#include "loadgen/nonblocking_senders.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/message_mark.hpp"
#include "loadgen/zerocopy.hpp"

namespace netstall {
namespace {

// A turn ends after so many sends or bytes, whichever comes first.
constexpr int kSendsATurn = 16;
constexpr std::size_t kBytesATurn = std::size_t{256} << 10;

asio::ip::tcp protocol_of(Family family) {
  return family == Family::ipv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
}

}  // namespace

struct NonblockingSenders::Connection : MessageCursor {
  Connection(asio::io_context& io, Family family, Fd fd) : socket(io) {
    socket.assign(protocol_of(family), fd.release());
  }

  TcpSocket socket;
  std::size_t offset = 0;          // of it: bytes accepted
  std::int64_t stalled_since = 0;  // 0: it is not
  std::int64_t attempted_at = 0;   // the reactor's last send()
  std::uint32_t attempts = 0;      // of its operation, since the socket was writable
  Zerocopy zerocopy;
  bool with_zerocopy = false;  // the reactor's send()
  bool copies = false;         // its next one goes without
  bool dead = false;
  OpMemory memory;
};

// The rest of a message. Asio asks for begin() before each send() that it tries,
// which is how the time of the one that succeeds is known.
struct NonblockingSenders::TimedBuffer {
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;
  NonblockingSenders* senders;
  Connection* connection;
  asio::const_buffer buffer;
  const_iterator begin() const noexcept {
    senders->mark(*connection);
    connection->attempted_at = mono_now().ns;
    // The one before was in vain, if it was made because the socket was writable.
    if (!senders->begins_to_wait_ && connection->attempts++ > 0 &&
        senders->window_.contains(connection->attempted_at)) {
      ++senders->vain_;
    }
    return &buffer;
  }
  const_iterator end() const noexcept { return &buffer + 1; }
};

struct NonblockingSenders::Sent {
  using allocator_type = OpAllocator<void>;
  NonblockingSenders* senders;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }

  void operator()(const asio::error_code& error, std::size_t bytes) const {
    if (senders->stopped_ || connection->dead) return;
    const auto now = mono_now().ns;
    if (connection->with_zerocopy && error.value() == ENOBUFS) {
      return senders->send_anyway(*connection);
    }
    if (connection->with_zerocopy && !error) connection->zerocopy.took();
    connection->copies = false;
    senders->stalls_.end(connection->stalled_since, now, senders->window_);
    if (error) {
      senders->fail(*connection, error.value());
      return;
    }
    senders->took(*connection, bytes, connection->attempted_at, now);
    senders->turn(*connection);
  }
};

struct NonblockingSenders::Again {
  using allocator_type = OpAllocator<void>;
  NonblockingSenders* senders;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }

  void operator()() const {
    if (!senders->stopped_ && !connection->dead) senders->turn(*connection);
  }
};

void NonblockingSenders::Writable::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead || senders->stopped_) return;
  if (senders->task_.acknowledge && events == EPOLLERR) {
    // A note for its AckReaders, if it is no error.
    const int error = take_socket_error(connection.socket.native_handle());
    if (error != 0) senders->fail(connection, error);
    return;
  }
  senders->try_again(connection);
}

void NonblockingSenders::Due::operator()(Connection& connection, std::int64_t) const {
  if (!connection.dead && !senders->stopped_) senders->turn(connection);
}

NonblockingSenders::NonblockingSenders(asio::io_context& io, const FlowTask& task,
                                       std::uint64_t seed, std::span<char> payload)
    : io_(io), task_(task), payload_(payload), source_(io, task, seed, Due{this}) {
  if (task.io == Io::level_triggered) writable_.emplace(io, Writable{this});
}

NonblockingSenders::~NonblockingSenders() = default;

void NonblockingSenders::adopt(Fd socket) {
  auto& connection = connections_.emplace_back(io_, task_.family, std::move(socket));
  // Until it is waited for, only its end is of interest.
  if (writable_) writable_->add(connection.socket.native_handle(), 0, connection);
}

void NonblockingSenders::prepare() {
  source_.reserve(connections_.size());
  tally_.send_call.reserve();
  tally_.send_latency.reserve();
  stalls_.reserve();
}

void NonblockingSenders::start(std::int64_t traffic_from, const Window& window) {
  traffic_from_ = traffic_from;
  window_ = window;
  // Within the reactor: what it posts itself, a connection's next turn, must not wait for an
  // event of the set.
  if (writable_) writable_->start(true);
  source_.start(connections_, traffic_from, [this](Connection& connection) {
    asio::post(io_, Again{this, &connection});
  });
}

void NonblockingSenders::turn(Connection& connection) {
  auto now = mono_now().ns;
  std::size_t budget = kBytesATurn;
  for (int sends = 0; sends < kSendsATurn && budget > 0; ++sends) {
    if (connection.size == 0 && !source_.begin(connection, now)) return;
    const auto began = now;
    const ssize_t sent = send_rest(connection);
    const int error_number = errno;
    now = mono_now().ns;
    if (sent > 0) {
      const auto bytes = static_cast<std::size_t>(sent);
      took(connection, bytes, began, now);
      budget -= std::min(budget, bytes);
    } else if (error_number == EAGAIN) {
      stalls_.begin(connection.stalled_since, now);
      wait_writable(connection);
      return;
    } else if (error_number != EINTR) {
      fail(connection, error_number);
      return;
    }
  }
  asio::post(io_, Again{this, &connection});
}

void NonblockingSenders::mark(const Connection& connection) noexcept {
  if (connection.offset >= kMarkBytes) return;
  write_mark(payload_.data(), connection.size, connection.counts_from - traffic_from_);
}

void NonblockingSenders::send_anyway(Connection& connection) {
  const auto began = mono_now().ns;
  const ssize_t sent = send_rest(connection);
  const int error_number = errno;
  const auto now = mono_now().ns;
  if (sent < 0 && (error_number == EAGAIN || error_number == EINTR)) {
    // With MSG_ZEROCOPY it would be refused again, at once and without an end.
    connection.copies = true;
    return wait_writable(connection);
  }
  stalls_.end(connection.stalled_since, now, window_);
  if (sent < 0) return fail(connection, error_number);
  took(connection, static_cast<std::size_t>(sent), began, now);
  turn(connection);
}

ssize_t NonblockingSenders::send_rest(Connection& connection) noexcept {
  const int fd = connection.socket.native_handle();
  const char* from = payload_.data() + connection.offset;
  const auto left = connection.size - connection.offset;
  if (!task_.socket.zerocopy || connection.size <= kCopiedBytes) {
    mark(connection);
    return ::send(fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  if (connection.offset < kCopiedBytes) {
    mark(connection);
    return ::send(fd, from, kCopiedBytes - connection.offset,
                  MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE);
  }
  return connection.zerocopy.send(fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void NonblockingSenders::wait_writable(Connection& connection) {
  if (writable_) {
    writable_->change(connection.socket.native_handle(), EPOLLOUT, connection);
    return;
  }
  connection.attempts = 0;
  begins_to_wait_ = true;  // Asio tries once at once
  int flags = MSG_NOSIGNAL;
  auto left = connection.size - connection.offset;
  connection.with_zerocopy = false;
  if (task_.socket.zerocopy && connection.size > kCopiedBytes) {
    if (connection.offset < kCopiedBytes) {
      left = kCopiedBytes - connection.offset;
      flags |= MSG_MORE;
    } else if (!connection.copies) {
      connection.with_zerocopy = true;
      flags |= MSG_ZEROCOPY;
      connection.zerocopy.before(connection.socket.native_handle());
    }
  }
  const asio::const_buffer rest(payload_.data() + connection.offset, left);
  connection.socket.async_send(TimedBuffer{this, &connection, rest}, flags,
                               Sent{this, &connection});
  begins_to_wait_ = false;
}

void NonblockingSenders::try_again(Connection& connection) {
  const int fd = connection.socket.native_handle();
  if (connection.stalled_since == 0) {
    // There is nothing to send: the connection has ended, which the next send() would tell.
    const int error = take_socket_error(fd);
    return fail(connection, error != 0 ? error : EPIPE);
  }
  const auto began = mono_now().ns;
  const ssize_t sent = send_rest(connection);
  const int error_number = errno;
  const auto now = mono_now().ns;
  if (sent < 0 && (error_number == EAGAIN || error_number == EINTR)) {
    if (error_number == EAGAIN && window_.contains(now)) ++vain_;
    return;
  }
  stalls_.end(connection.stalled_since, now, window_);
  if (sent < 0) return fail(connection, error_number);
  writable_->change(fd, 0, connection);
  took(connection, static_cast<std::size_t>(sent), began, now);
  turn(connection);
}

void NonblockingSenders::took(Connection& connection, std::size_t bytes, std::int64_t began,
                              std::int64_t ended) {
  const bool counts = window_.contains(ended) && !collected_;
  const auto zerocopy = connection.zerocopy.take();
  if (counts) {
    tally_.send_call.record(static_cast<std::uint64_t>(ended - began));
    add(tally_.zerocopy, zerocopy);
  }
  connection.offset += bytes;
  if (connection.offset < connection.size) return;
  connection.offset = connection.size = 0;
  ++connection.message;
  if (ended < window_.to) ++accepted_;
  if (!counts) return;
  ++tally_.messages;
  tally_.send_latency.record(static_cast<std::uint64_t>(ended - connection.counts_from));
}

void NonblockingSenders::fail(Connection& connection, int error_number) {
  stalls_.end(connection.stalled_since, mono_now().ns, window_);
  ++errors_[errno_name(error_number)];
  connection.dead = true;
  if (writable_) writable_->remove(connection.socket.native_handle());
  asio::error_code ignored;
  connection.socket.close(ignored);
}

std::size_t NonblockingSenders::connection_count() const noexcept {
  return connections_.size();
}

int NonblockingSenders::descriptor(std::size_t index) noexcept {
  auto& connection = connections_[index];
  return connection.dead ? -1 : connection.socket.native_handle();
}

Senders::Collected NonblockingSenders::collect() {
  Collected collected;
  for (auto& connection : connections_) {
    if (connection.dead) continue;
    collected.add(connection.socket.native_handle(), task_.family);
    stalls_.cut(connection.stalled_since, window_);
  }
  collected_ = true;
  collected.backlog = source_.backlog(connections_.size(), window_.to, accepted_);
  // Notes of acknowledgements make Asio try, too.
  if (!task_.acknowledge) collected.vain_sends = vain_;
  collected.tally = std::move(tally_);
  collected.tally.stalls = stalls_.collect();
  collected.errors = errors_;
  return collected;
}

void NonblockingSenders::stop() {
  stopped_ = true;
  source_.stop();
  if (writable_) writable_->stop();
  for (auto& connection : connections_) {
    asio::error_code ignored;
    connection.socket.close(ignored);
  }
}

}  // namespace netstall
