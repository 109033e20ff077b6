#include "loadgen/nonblocking_senders.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <cerrno>
#include <optional>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {
namespace {

// A turn ends after so many sends or bytes, whichever comes first.
constexpr int kSendsATurn = 16;
constexpr std::size_t kBytesATurn = std::size_t{256} << 10;

asio::ip::tcp protocol_of(Family family) {
  return family == Family::ipv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6();
}

}  // namespace

struct NonblockingSenders::Connection {
  Connection(asio::io_context& io, Family family, Fd fd) : socket(io) {
    socket.assign(protocol_of(family), fd.release());
  }

  TcpSocket socket;
  PacePlace place;                 // of the message after the current one
  std::uint64_t sizes = 0;         // the stream of its messages' sizes
  std::uint64_t message = 0;       // number of the current one
  std::size_t size = 0;            // of the current one; 0: it has not begun
  std::size_t offset = 0;          // of it: bytes accepted
  std::int64_t counts_from = 0;    // its due time; unpaced: its first send()
  std::int64_t stalled_since = 0;  // 0: it is not
  std::int64_t attempted_at = 0;   // the reactor's last send()
  bool dead = false;
  OpMemory memory;
};

// The rest of a message. Asio asks for begin() before each send() that it tries,
// which is how the time of the one that succeeds is known.
struct NonblockingSenders::TimedBuffer {
  using value_type = asio::const_buffer;
  using const_iterator = const asio::const_buffer*;
  Connection* connection;
  asio::const_buffer buffer;
  const_iterator begin() const noexcept {
    connection->attempted_at = mono_now().ns;
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
    senders->end_stall(*connection, now);
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

void NonblockingSenders::Due::operator()(Connection& connection, std::int64_t) const {
  if (!connection.dead && !senders->stopped_) senders->turn(connection);
}

NonblockingSenders::NonblockingSenders(asio::io_context& io, const FlowTask& task,
                                       std::uint64_t seed, std::string_view payload)
    : io_(io),
      task_(task),
      seed_(seed),
      payload_(payload),
      start_timer_(io),
      due_timer_(io, Due{this}),
      sizes_(task.payload) {}

NonblockingSenders::~NonblockingSenders() = default;

void NonblockingSenders::adopt(Fd socket) {
  connections_.emplace_back(io_, task_.family, std::move(socket));
}

void NonblockingSenders::prepare() {
  due_timer_.reserve(connections_.size());
  tally_.send_call.reserve();
  tally_.send_latency.reserve();
  tally_.stalls.duration.reserve();
}

void NonblockingSenders::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  const auto count = static_cast<std::uint32_t>(connections_.size());
  if (task_.pace) pacer_.emplace(traffic_from, *task_.pace, seed_, task_.port);
  std::uint32_t index = 0;
  for (auto& connection : connections_) {
    connection.sizes = stream_of(seed_, Draw::size, task_.port, index);
    if (pacer_) {
      connection.place = pacer_->first(index, count);
      due_timer_.push(pacer_->due(connection.place), connection);
    }
    ++index;
  }
  if (pacer_) return;
  start_timer_.expires_at(time_point_of(traffic_from));
  start_timer_.async_wait([this](const asio::error_code& error) {
    if (error || stopped_) return;
    for (auto& connection : connections_) asio::post(io_, Again{this, &connection});
  });
}

bool NonblockingSenders::begin_message(Connection& connection, std::int64_t now) {
  connection.counts_from = now;
  if (pacer_) {
    connection.counts_from = pacer_->due(connection.place);
    if (connection.counts_from > now) {
      due_timer_.push(connection.counts_from, connection);
      return false;
    }
    pacer_->advance(connection.place);
  }
  connection.size = sizes_.of(connection.sizes, connection.message);
  return true;
}

void NonblockingSenders::turn(Connection& connection) {
  auto now = mono_now().ns;
  std::size_t budget = kBytesATurn;
  for (int sends = 0; sends < kSendsATurn && budget > 0; ++sends) {
    if (connection.size == 0 && !begin_message(connection, now)) return;
    const auto began = now;
    const ssize_t sent =
        ::send(connection.socket.native_handle(), payload_.data() + connection.offset,
               connection.size - connection.offset, MSG_DONTWAIT | MSG_NOSIGNAL);
    const int error_number = errno;
    now = mono_now().ns;
    if (sent > 0) {
      const auto bytes = static_cast<std::size_t>(sent);
      took(connection, bytes, began, now);
      budget -= std::min(budget, bytes);
    } else if (error_number == EAGAIN) {
      connection.stalled_since = now;
      ++blocked_;
      wait_writable(connection);
      return;
    } else if (error_number != EINTR) {
      fail(connection, error_number);
      return;
    }
  }
  asio::post(io_, Again{this, &connection});
}

void NonblockingSenders::wait_writable(Connection& connection) {
  const asio::const_buffer rest(payload_.data() + connection.offset,
                                connection.size - connection.offset);
  connection.socket.async_send(TimedBuffer{&connection, rest}, MSG_NOSIGNAL,
                               Sent{this, &connection});
}

void NonblockingSenders::took(Connection& connection, std::size_t bytes, std::int64_t began,
                              std::int64_t ended) {
  const bool counts = window_.contains(ended) && !collected_;
  if (counts) tally_.send_call.record(static_cast<std::uint64_t>(ended - began));
  connection.offset += bytes;
  if (connection.offset < connection.size) return;
  connection.offset = connection.size = 0;
  ++connection.message;
  if (ended < window_.to) ++accepted_;
  if (!counts) return;
  ++tally_.messages;
  tally_.send_latency.record(static_cast<std::uint64_t>(ended - connection.counts_from));
}

void NonblockingSenders::end_stall(Connection& connection, std::int64_t now) {
  if (connection.stalled_since == 0) return;
  if (!collected_) add(tally_.stalls, part_in_window(connection.stalled_since, now, window_));
  connection.stalled_since = 0;
  --blocked_;
}

void NonblockingSenders::fail(Connection& connection, int error_number) {
  end_stall(connection, mono_now().ns);
  ++errors_[errno_name(error_number)];
  connection.dead = true;
  asio::error_code ignored;
  connection.socket.close(ignored);
}

Senders::Collected NonblockingSenders::collect() {
  Collected collected;
  const auto count = static_cast<std::uint32_t>(connections_.size());
  std::uint32_t index = 0;
  for (auto& connection : connections_) {
    if (pacer_) collected.backlog += pacer_->due_before(index++, count, window_.to);
    if (connection.dead) continue;
    if (++collected.alive == 1) {
      collected.options = options_of(connection.socket.native_handle(), task_.family);
    }
    collected.sndbuf.record(sndbuf_of(connection.socket.native_handle()));
    collected.rcvbuf.record(rcvbuf_of(connection.socket.native_handle()));
    if (connection.stalled_since == 0) continue;
    add(tally_.stalls, part_in_window(connection.stalled_since, std::nullopt, window_));
  }
  collected_ = true;
  collected.backlog -= std::min(collected.backlog, accepted_);
  collected.tally = std::move(tally_);
  collected.errors = errors_;
  return collected;
}

void NonblockingSenders::stop() {
  stopped_ = true;
  start_timer_.cancel();
  due_timer_.stop();
  for (auto& connection : connections_) {
    asio::error_code ignored;
    connection.socket.close(ignored);
  }
}

}  // namespace netstall
