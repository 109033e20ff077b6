#include "loadgen/readers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/pacer.hpp"

namespace netstall {

struct Readers::Connection {
  Connection(asio::io_context& io, Family family, Fd fd, const ReaderManner& of_it)
      : socket(io), manner(of_it) {
    socket.assign(family == Family::ipv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), fd.release());
  }

  ReaderSchedule schedule() const noexcept { return ReaderSchedule(manner.bytes_per_s); }

  TcpSocket socket;
  ReaderManner manner;
  std::uint32_t index = 0;
  bool dead = false;
  bool receiving = false;  // an operation is under way
  OpMemory memory;
};

struct Readers::Received {
  using allocator_type = OpAllocator<void>;
  Readers* readers;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }

  void operator()(const asio::error_code& error, std::size_t bytes) const {
    connection->receiving = false;
    if (readers->stopped_ || connection->dead) return;
    const auto now = mono_now().ns;
    if (error == asio::error::operation_aborted) {
      // Frozen, and by now perhaps not any more.
      if (readers->may_read(*connection)) readers->begin(*connection, now);
      return;
    }
    if (error) {
      readers->fail(*connection,
                    error == asio::error::eof ? std::string("EOF") : errno_name(error.value()));
      return;
    }
    if (!readers->count(*connection, bytes, now)) return;
    if (!connection->manner.limited) {
      readers->receive(*connection);
    } else if (readers->may_read(*connection)) {
      readers->due_timer_.push(connection->schedule().next_after_waiting(now, bytes), *connection);
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
      turn_timer_(io),
      due_timer_(io, Due{this}) {}

Readers::~Readers() = default;

void Readers::adopt(Fd socket) {
  const auto index = static_cast<std::uint32_t>(connections_.size());
  connections_
      .emplace_back(io_, task_.family, std::move(socket), reader_manner(task_, seed_, index))
      .index = index;
}

void Readers::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  due_timer_.reserve(connections_.size());
  plan_turns(traffic_from);
  await_turn();
}

// What lies after the stop never comes.
void Readers::plan_turns(std::int64_t traffic_from) {
  const auto& reader = task_.reader;
  turns_.push_back({traffic_from, true});
  for (const auto& [at, lasting] : reader.freeze) {
    turns_.push_back({traffic_from + at.count(), false});
    turns_.push_back({traffic_from + (at + lasting).count(), true});
  }
  if (!reader.stop_after) return;
  const Turn stop{traffic_from + reader.stop_after->count(), false};
  std::erase_if(turns_, [&](const Turn& turn) { return turn.at >= stop.at && turn.reading; });
  turns_.push_back(stop);
  std::stable_sort(turns_.begin(), turns_.end(),
                   [](const Turn& left, const Turn& right) { return left.at < right.at; });
  // Those that do not stop begin all the same.
  if (turns_.front().at != traffic_from || !turns_.front().reading) {
    turns_.insert(turns_.begin(), {traffic_from, true});
  }
}

void Readers::await_turn() {
  if (next_turn_ == turns_.size()) return;
  turn_timer_.expires_at(time_point_of(turns_[next_turn_].at));
  turn_timer_.async_wait([this](const asio::error_code& error) {
    if (error || stopped_) return;
    // Of all that are due by now the last one counts: a reader that stops at once
    // takes no byte.
    const auto now = mono_now().ns;
    auto turn = turns_[next_turn_++];
    while (next_turn_ < turns_.size() && turns_[next_turn_].at <= now) turn = turns_[next_turn_++];
    const bool was_frozen = std::exchange(frozen_, !turn.reading);
    if (!begun_ || (was_frozen && !frozen_)) {
      begin(turn.at);
    } else if (!was_frozen && frozen_) {
      freeze();
    }
    await_turn();
  });
}

bool Readers::may_read(const Connection& connection) const noexcept {
  return !frozen_ || !connection.manner.freezes;
}

// Those that may read and do not yet.
void Readers::begin(std::int64_t from) {
  for (auto& connection : connections_) {
    if (begun_ && !connection.manner.freezes) continue;
    if (!connection.dead && !connection.receiving) begin(connection, from);
  }
  begun_ = true;
}

void Readers::begin(Connection& connection, std::int64_t from) {
  if (!may_read(connection)) return;
  if (!connection.manner.limited) return receive(connection);
  const auto chunk =
      static_cast<double>(connection.schedule().duration(connection.manner.read_bytes));
  const auto count = static_cast<std::uint32_t>(connections_.size());
  due_timer_.push(from + phase_ns(seed_, task_.port, connection.index, count, chunk), connection);
}

void Readers::receive(Connection& connection) {
  if (!may_read(connection)) return;
  connection.receiving = true;
  connection.socket.async_receive(asio::buffer(buffer_.data(), connection.manner.read_bytes),
                                  Received{this, &connection});
}

void Readers::take_due(Connection& connection, std::int64_t due) {
  if (!may_read(connection)) return;
  const ssize_t got = ::recv(connection.socket.native_handle(), buffer_.data(),
                             connection.manner.read_bytes, MSG_DONTWAIT);
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    if (count(connection, bytes, mono_now().ns)) {
      due_timer_.push(connection.schedule().next(due, bytes), connection);
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

// All that are limited freeze: the queue is theirs.
void Readers::freeze() {
  due_timer_.stop();
  for (auto& connection : connections_) {
    asio::error_code ignored;
    if (!connection.dead && connection.manner.freezes) connection.socket.cancel(ignored);
  }
}

Readers::Collected Readers::collect() {
  Collected collected;
  collected.errors = errors_;
  for (auto& connection : connections_) {
    if (!connection.dead) collected.add(connection.socket.native_handle(), task_.family);
  }
  return collected;
}

void Readers::stop() {
  stopped_ = true;
  turn_timer_.cancel();
  due_timer_.stop();
  for (auto& connection : connections_) {
    asio::error_code ignored;
    connection.socket.close(ignored);
  }
}

}  // namespace netstall
