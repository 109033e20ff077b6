#include "loadgen/readers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/acknowledgement.hpp"
#include "loadgen/message_mark.hpp"
#include "loadgen/pacer.hpp"
#include "model/size_distribution.hpp"

namespace netstall {

struct Readers::Connection {
  Connection(Fd fd, const ReaderManner& of_it, std::uint32_t of_task)
      : socket(std::move(fd)), manner(of_it), index(of_task) {}

  ReaderSchedule schedule() const noexcept { return ReaderSchedule(manner.bytes_per_s); }

  Fd socket;
  ReaderManner manner;
  std::uint32_t index;
  bool dead = false;
  bool watched = false;
  bool for_acks = false;  // watched until it takes what is unsent
  MarkReader messages;
  std::vector<char> unsent;  // acknowledgements
};

void Readers::Ready::operator()(Connection& connection, std::uint32_t) const {
  // What is not watched any more may be of the same batch.
  if (connection.watched && !readers->stopped_) readers->take_ready(connection);
}

void Readers::Due::operator()(Connection& connection, std::int64_t due) const {
  if (!connection.dead && !readers->stopped_) readers->take_due(connection, due);
}

Readers::Readers(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                 std::span<char> buffer, bool alone)
    : task_(task),
      seed_(seed),
      buffer_(buffer.first(read_size(task))),
      alone_(alone),
      events_(io, Ready{this}),
      turns_(io,
             {[this](std::int64_t from, bool first) { begin(from, first); }, [this] { freeze(); }}),
      due_timer_(io, Due{this}) {}

Readers::~Readers() = default;

void Readers::adopt(Fd socket) {
  const auto index = static_cast<std::uint32_t>(connections_.size());
  connections_.emplace_back(std::move(socket), reader_manner(task_, seed_, index), index);
}

void Readers::start(std::int64_t traffic_from, const Window& window) {
  traffic_from_ = traffic_from;
  window_ = window;
  delivery_.reserve();
  if (task_.acknowledge) acks_.reserve(buffer_.size());
  due_timer_.reserve(connections_.size());
  turns_.start(task_.reader, traffic_from);
}

// Those that may read and do not yet.
void Readers::begin(std::int64_t from, bool first) {
  for (auto& connection : connections_) {
    if (!first && !connection.manner.freezes) continue;
    if (!connection.dead && !connection.watched) begin(connection, from);
  }
  if (!first) return;
  const bool timed = task_.reader.bytes_per_s || turns_.more();
  events_.start(!alone_ || timed);
}

void Readers::begin(Connection& connection, std::int64_t from) {
  if (!turns_.may_read(connection.manner)) return;
  if (!connection.manner.limited) return watch(connection);
  const auto chunk =
      static_cast<double>(connection.schedule().duration(connection.manner.read_bytes));
  const auto count = static_cast<std::uint32_t>(connections_.size());
  due_timer_.push(from + phase_ns(seed_, task_.port, connection.index, count, chunk), connection);
}

void Readers::watch(Connection& connection) {
  if (!turns_.may_read(connection.manner)) return;
  connection.for_acks = !connection.unsent.empty();
  events_.add(connection.socket.get(), connection.for_acks ? EPOLLOUT : EPOLLIN, connection);
  connection.watched = true;
}

void Readers::set_interest(Connection& connection) {
  if (!connection.watched || connection.for_acks == !connection.unsent.empty()) return;
  connection.for_acks = !connection.for_acks;
  events_.change(connection.socket.get(), connection.for_acks ? EPOLLOUT : EPOLLIN, connection);
}

// A duplex connection's socket has another descriptor: to close this one is not enough.
void Readers::unwatch(Connection& connection) noexcept {
  if (std::exchange(connection.watched, false)) events_.remove(connection.socket.get());
}

void Readers::take_ready(Connection& connection) {
  // Once, then it is the next one's turn: to drain one connection after the other costs
  // blocking senders a sixth of their goodput a CPU second (16 of them).
  std::int64_t now = 0;
  const auto bytes = take(connection, now);
  if (!connection.manner.limited) {
    if (tries_in_vain_ && bytes > 0 && bytes < connection.manner.read_bytes) take(connection, now);
    return set_interest(connection);
  }
  if (bytes == 0) return set_interest(connection);
  unwatch(connection);
  due_timer_.push(connection.schedule().next_after_waiting(now, bytes), connection);
}

void Readers::take_due(Connection& connection, std::int64_t due) {
  if (!turns_.may_read(connection.manner)) return;
  std::int64_t now = 0;
  const auto bytes = take(connection, now);
  if (bytes > 0) {
    due_timer_.push(connection.schedule().next(due, bytes), connection);
  } else if (!connection.dead) {
    watch(connection);
  }
}

std::size_t Readers::take(Connection& connection, std::int64_t& now) {
  if (!connection.unsent.empty()) send_acks(connection);
  if (connection.dead || !connection.unsent.empty()) return 0;
  const ssize_t got =
      ::recv(connection.socket.get(), buffer_.data(), connection.manner.read_bytes, MSG_DONTWAIT);
  if (got <= 0) {
    if (got == 0) {
      fail(connection, "EOF");
    } else if (errno != EAGAIN && errno != EINTR) {
      fail(connection, errno_name(errno));
    }
    return 0;
  }
  now = mono_now().ns;
  const auto bytes = static_cast<std::size_t>(got);
  const bool counts = window_.contains(now);
  if (counts) bytes_ += bytes;
  const auto taken = now - traffic_from_;
  const bool good = connection.messages.take(buffer_.first(bytes), [&](std::int64_t due) {
    if (task_.acknowledge) {
      acks_.resize(acks_.size() + kAckBytes);
      write_ack(acks_.data() + acks_.size() - kAckBytes, {due, connection.messages.size()});
    }
    if (!counts || due == kUnknownDue) return;
    delivery_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(taken - due, 0)));
  });
  if (!good) {
    acks_.clear();
    fail(connection, "garbled data");
    return 0;
  }
  if (!acks_.empty()) send_acks(connection);
  return connection.dead ? 0 : bytes;
}

void Readers::send_acks(Connection& connection) {
  auto& unsent = connection.unsent;
  const std::span<const char> bytes = unsent.empty() ? acks_ : unsent;
  const ssize_t sent =
      ::send(connection.socket.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  const int error_number = sent < 0 ? errno : 0;
  const auto taken = std::max<ssize_t>(sent, 0);
  if (unsent.empty()) {
    unsent.assign(acks_.begin() + taken, acks_.end());
    acks_.clear();
  } else {
    unsent.erase(unsent.begin(), unsent.begin() + taken);
  }
  if (error_number == 0 || error_number == EAGAIN || error_number == EINTR) return;
  fail(connection, errno_name(error_number));
}

void Readers::fail(Connection& connection, const std::string& name) {
  ++errors_[name];
  unwatch(connection);
  connection.dead = true;
  connection.socket.reset();
}

// All that are limited freeze: the queue is theirs.
void Readers::freeze() {
  due_timer_.stop();
  for (auto& connection : connections_) {
    if (connection.manner.freezes) unwatch(connection);
  }
}

std::size_t Readers::connection_count() const noexcept {
  return connections_.size();
}

int Readers::descriptor(std::size_t index) noexcept {
  const auto& connection = connections_[index];
  return connection.dead ? -1 : connection.socket.get();
}

Readers::Collected Readers::collect() {
  Collected collected;
  collected.errors = errors_;
  if (SizeDistribution(task_.payload).largest() >= kMarkBytes) collected.delivery = delivery_;
  for (const auto& connection : connections_) {
    if (!connection.dead) collected.add(connection.socket.get(), task_.family);
  }
  return collected;
}

void Readers::stop() {
  stopped_ = true;
  turns_.stop();
  due_timer_.stop();
  events_.stop();
  for (auto& connection : connections_) {
    unwatch(connection);
    connection.socket.reset();
  }
}

}  // namespace netstall
