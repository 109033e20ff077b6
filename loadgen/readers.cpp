#include "loadgen/readers.hpp"

#include <sys/socket.h>

#include <asio/buffer.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/pacer.hpp"

namespace netstall {

struct Readers::Connection {
  Connection(asio::io_context& io, Family family, Fd fd) : socket(io) {
    socket.assign(family == Family::ipv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), fd.release());
  }

  TcpSocket socket;
  bool dead = false;
  OpMemory memory;
};

struct Readers::Received {
  using allocator_type = OpAllocator<void>;
  Readers* readers;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }

  void operator()(const asio::error_code& error, std::size_t bytes) const {
    if (readers->stopped_ || connection->dead || error == asio::error::operation_aborted) return;
    const auto now = mono_now().ns;
    if (error) {
      readers->fail(*connection,
                    error == asio::error::eof ? std::string("EOF") : errno_name(error.value()));
      return;
    }
    if (!readers->count(*connection, bytes, now)) return;
    if (readers->schedule_) {
      readers->due_timer_.push(readers->schedule_->next_after_waiting(now, bytes), *connection);
    } else {
      readers->receive(*connection);
    }
  }
};

void Readers::Due::operator()(Connection& connection, std::int64_t due) const {
  if (!connection.dead && !readers->stopped_) readers->take_due(connection, due);
}

Readers::Readers(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                 std::span<char> buffer)
    : io_(io),
      task_(task),
      seed_(seed),
      buffer_(buffer.first(read_size(task))),
      start_timer_(io),
      stop_timer_(io),
      due_timer_(io, Due{this}) {
  if (task.bytes_per_s) schedule_.emplace(*task.bytes_per_s);
}

Readers::~Readers() = default;

void Readers::adopt(Fd socket) {
  connections_.emplace_back(io_, task_.family, std::move(socket));
}

void Readers::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  due_timer_.reserve(connections_.size());
  if (task_.stop_after) {
    stop_timer_.expires_at(time_point_of(traffic_from + task_.stop_after->count()));
    stop_timer_.async_wait([this](const asio::error_code& error) {
      if (!error && !stopped_) read_no_more();
    });
  }
  if (task_.stop_after == Nanoseconds(0)) return;
  start_timer_.expires_at(time_point_of(traffic_from));
  start_timer_.async_wait([this, traffic_from](const asio::error_code& error) {
    if (!error && !stopped_) begin(traffic_from);
  });
}

void Readers::begin(std::int64_t traffic_from) {
  if (!reading_) return;
  const auto chunk_ns = schedule_ ? static_cast<double>(schedule_->duration(buffer_.size())) : 0.0;
  const auto count = static_cast<std::uint32_t>(connections_.size());
  std::uint32_t index = 0;
  for (auto& connection : connections_) {
    if (schedule_) {
      const auto phase = phase_ns(seed_, task_.port, index++, count, chunk_ns);
      due_timer_.push(traffic_from + phase, connection);
    } else {
      receive(connection);
    }
  }
}

void Readers::receive(Connection& connection) {
  if (!reading_) return;
  connection.socket.async_receive(asio::buffer(buffer_.data(), buffer_.size()),
                                  Received{this, &connection});
}

void Readers::take_due(Connection& connection, std::int64_t due) {
  if (!reading_) return;
  const ssize_t got =
      ::recv(connection.socket.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    if (count(connection, bytes, mono_now().ns)) {
      due_timer_.push(schedule_->next(due, bytes), connection);
    }
  } else if (got == 0) {
    fail(connection, "EOF");
  } else if (errno == EAGAIN || errno == EINTR) {
    receive(connection);
  } else {
    fail(connection, errno_name(errno));
  }
}

bool Readers::count(Connection& connection, std::size_t bytes, std::int64_t now) {
  if (bytes == 0) {
    fail(connection, "EOF");
    return false;
  }
  if (window_.contains(now)) bytes_ += bytes;
  return true;
}

void Readers::fail(Connection& connection, const std::string& name) {
  ++errors_[name];
  connection.dead = true;
  asio::error_code ignored;
  connection.socket.close(ignored);
}

void Readers::read_no_more() {
  reading_ = false;
  due_timer_.stop();
  for (auto& connection : connections_) {
    asio::error_code ignored;
    if (!connection.dead) connection.socket.cancel(ignored);
  }
}

Readers::Collected Readers::collect() {
  Collected collected;
  collected.errors = errors_;
  for (auto& connection : connections_) {
    if (connection.dead) continue;
    ++collected.alive;
    collected.sndbuf.record(sndbuf_of(connection.socket.native_handle()));
    collected.rcvbuf.record(rcvbuf_of(connection.socket.native_handle()));
  }
  return collected;
}

void Readers::stop() {
  stopped_ = true;
  start_timer_.cancel();
  stop_timer_.cancel();
  due_timer_.stop();
  for (auto& connection : connections_) {
    asio::error_code ignored;
    connection.socket.close(ignored);
  }
}

}  // namespace netstall
