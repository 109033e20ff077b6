#include "loadgen/ring_senders.hpp"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <asio/buffer.hpp>
#include <asio/post.hpp>
#include <asio/write.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/message_mark.hpp"

namespace netstall {

struct RingSenders::Connection : MessageCursor {
  Connection(asio::io_context& io, Family family, Fd fd) : socket(io) {
    socket.assign(family == Family::ipv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6(), fd.release());
  }

  TcpSocket socket;
  std::size_t offset = 0;           // of it: bytes accepted
  std::int64_t handed_over_at = 0;  // the send that is under way
  std::uint64_t number = 0;         // of that send, among all of the task
  std::int64_t stalled_since = 0;   // 0: it is not
  Connection* before = nullptr;     // among those of which it is not known, with `remembered`
  Connection* after = nullptr;
  bool remembered = false;
  bool dead = false;
  std::array<char, kMarkBytes> head;  // the first bytes of the message, until they are taken
  OpMemory memory;
};

struct RingSenders::Sent {
  using allocator_type = OpAllocator<void>;
  RingSenders* senders;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }
  void operator()(const asio::error_code& error, std::size_t bytes) const {
    if (!senders->stopped_ && !connection->dead) senders->sent(*connection, error, bytes);
  }
};

struct RingSenders::Next {
  using allocator_type = OpAllocator<void>;
  RingSenders* senders;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }
  void operator()() const {
    if (senders->stopped_ || connection->dead) return;
    senders->begin_message(*connection, mono_now().ns);
  }
};

struct RingSenders::Look {
  using allocator_type = OpAllocator<void>;
  RingSenders* senders;
  allocator_type get_allocator() const noexcept { return allocator_type(senders->post_memory_); }
  void operator()() const {
    senders->look_posted_ = false;
    if (!senders->stopped_) senders->look();
  }
};

struct RingSenders::Looked {
  using allocator_type = OpAllocator<void>;
  RingSenders* senders;
  allocator_type get_allocator() const noexcept { return allocator_type(senders->look_memory_); }
  void operator()(const asio::error_code& error, std::size_t) const {
    senders->look_under_way_ = false;
    if (!senders->stopped_) senders->looked(error);
  }
};

void RingSenders::Due::operator()(Connection& connection, std::int64_t) const {
  if (!connection.dead && !senders->stopped_) senders->begin_message(connection, mono_now().ns);
}

RingSenders::RingSenders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                         std::span<const char> payload)
    : io_(io), task_(task), payload_(payload), nowhere_(io), source_(io, task, seed, Due{this}) {
  Fd nowhere(::open("/dev/null", O_WRONLY | O_CLOEXEC));
  if (!nowhere) throw_errno("open /dev/null", errno);
  nowhere_.assign(nowhere.release());
}

RingSenders::~RingSenders() = default;

void RingSenders::adopt(Fd socket) {
  // Else the ring answers EAGAIN, and Asio goes on without it.
  set_blocking(socket.get(), true);
  connections_.emplace_back(io_, task_.family, std::move(socket));
}

void RingSenders::prepare() {
  source_.reserve(connections_.size());
  tally_.send_latency.reserve();
  stalls_.reserve();
}

void RingSenders::start(std::int64_t traffic_from, const Window& window) {
  traffic_from_ = traffic_from;
  window_ = window;
  source_.start(connections_, traffic_from, [this](Connection& connection) {
    asio::post(io_, Next{this, &connection});
  });
}

void RingSenders::begin_message(Connection& connection, std::int64_t now) {
  if (!source_.begin(connection, now)) return;
  write_mark(connection.head.data(), connection.size, connection.counts_from - traffic_from_);
  send_rest(connection, now);
}

void RingSenders::send_rest(Connection& connection, std::int64_t now) {
  connection.handed_over_at = now;
  remember(connection);
  // Before the send, so that both are submitted by one call, in their order.
  if (!look_posted_ && !look_under_way_) {
    look_posted_ = true;
    asio::post(io_, Look{this});
  }
  const auto marked = mark_size(connection.size);
  const auto offset = connection.offset;
  const auto from = std::max(offset, marked);
  const std::array<asio::const_buffer, 2> rest{
      asio::const_buffer(connection.head.data() + std::min(offset, marked),
                         marked - std::min(offset, marked)),
      asio::const_buffer(payload_.data() + from, connection.size - from)};
  connection.socket.async_send(rest, MSG_NOSIGNAL, Sent{this, &connection});
}

void RingSenders::sent(Connection& connection, const asio::error_code& error, std::size_t bytes) {
  const auto now = mono_now().ns;
  forget(connection);
  stalls_.end(connection.stalled_since, now, window_);
  if (error) return fail(connection, error.value());
  connection.offset += bytes;
  if (connection.offset < connection.size) return send_rest(connection, now);
  whole(connection, now);
  begin_message(connection, now);
}

void RingSenders::whole(Connection& connection, std::int64_t now) {
  connection.offset = connection.size = 0;
  ++connection.message;
  if (now < window_.to) ++accepted_;
  if (!window_.contains(now) || collected_) return;
  ++tally_.messages;
  tally_.send_latency.record(static_cast<std::uint64_t>(now - connection.counts_from));
}

void RingSenders::look() {
  look_covers_ = handed_over_;
  look_under_way_ = true;
  nowhere_.async_write_some(asio::const_buffer(payload_.data(), 1), Looked{this});
}

// Answers come in the order in which they were given, and those of sends that were not
// refused were given before this one.
void RingSenders::looked(const asio::error_code& error) {
  if (error) throw Error(ErrorKind::failed, "write to /dev/null", error.message());
  while (first_ != nullptr && first_->number <= look_covers_) {
    auto& refused = *first_;
    forget(refused);
    stalls_.begin(refused.stalled_since, refused.handed_over_at);
  }
  if (first_ != nullptr && !look_posted_) look();
}

void RingSenders::remember(Connection& connection) noexcept {
  connection.number = ++handed_over_;
  connection.remembered = true;
  connection.before = last_;
  connection.after = nullptr;
  (last_ != nullptr ? last_->after : first_) = &connection;
  last_ = &connection;
}

void RingSenders::forget(Connection& connection) noexcept {
  if (!connection.remembered) return;
  connection.remembered = false;
  (connection.before != nullptr ? connection.before->after : first_) = connection.after;
  (connection.after != nullptr ? connection.after->before : last_) = connection.before;
}

void RingSenders::fail(Connection& connection, int error_number) {
  ++errors_[errno_name(error_number)];
  connection.dead = true;
  asio::error_code ignored;
  connection.socket.close(ignored);
}

std::size_t RingSenders::connection_count() const noexcept {
  return connections_.size();
}

int RingSenders::descriptor(std::size_t index) noexcept {
  auto& connection = connections_[index];
  return connection.dead ? -1 : connection.socket.native_handle();
}

Senders::Collected RingSenders::collect() {
  Collected collected;
  for (auto& connection : connections_) {
    if (connection.dead) continue;
    collected.add(connection.socket.native_handle(), task_.family);
    stalls_.cut(connection.stalled_since, window_);
  }
  collected_ = true;
  collected.backlog = source_.backlog(connections_.size(), window_.to, accepted_);
  collected.times_calls = false;
  collected.tally = std::move(tally_);
  collected.tally.stalls = stalls_.collect();
  collected.errors = errors_;
  return collected;
}

void RingSenders::stop() {
  stopped_ = true;
  source_.stop();
  asio::error_code ignored;
  nowhere_.close(ignored);
  for (auto& connection : connections_) connection.socket.close(ignored);
}

}  // namespace netstall
