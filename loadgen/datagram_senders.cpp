#include "loadgen/datagram_senders.hpp"

#include <asio/post.hpp>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/datagram_sockets.hpp"

namespace netstall {
namespace {

// Then the other connections, timers and the control stream get their turn.
constexpr int kDatagramsATurn = 32;

}  // namespace

struct DatagramSenders::Connection : MessageCursor {
  explicit Connection(Fd fd) : socket(std::move(fd)) {}

  Fd socket;
  std::uint64_t sequence = 0;      // of those that were taken
  Address to;                      // of multicast, else of no length
  std::int64_t stalled_since = 0;  // 0: it is not
  bool dead = false;
  OpMemory memory;
};

struct DatagramSenders::Again {
  using allocator_type = OpAllocator<void>;
  DatagramSenders* senders;
  Connection* connection;
  allocator_type get_allocator() const noexcept { return allocator_type(connection->memory); }

  void operator()() const {
    if (!senders->stopped_ && !connection->dead) senders->turn(*connection);
  }
};

// An error that came with an earlier datagram's answer would be reported until it is taken.
void DatagramSenders::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead || senders->stopped_) return;
  if ((events & EPOLLERR) != 0) {
    const int error_number = take_socket_error(connection.socket.get());
    if (error_number != 0 && !senders->survives(connection, error_number)) return;
  }
  if ((events & EPOLLOUT) == 0 || connection.stalled_since == 0) return;
  senders->stalls_.end(connection.stalled_since, mono_now().ns, senders->window_);
  senders->events_.change(connection.socket.get(), 0, connection);
  senders->turn(connection);
}

void DatagramSenders::Due::operator()(Connection& connection, std::int64_t) const {
  if (!connection.dead && !senders->stopped_) senders->turn(connection);
}

DatagramSenders::DatagramSenders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                                 std::string_view payload)
    : io_(io),
      task_(task),
      out_(payload),
      events_(io, Ready{this}),
      source_(io, task, seed, Due{this}) {}

DatagramSenders::~DatagramSenders() = default;

void DatagramSenders::adopt(Fd socket) {
  const auto index = static_cast<std::uint32_t>(connections_.size());
  auto& connection = connections_.emplace_back(std::move(socket));
  if (task_.pattern == Pattern::multicast) {
    connection.to = multicast_group(task_, index);
    connection.sequence = std::uint64_t{index} << kGroupShift;
    of_group_.push_back(0);
  }
  events_.add(connection.socket.get(), 0, connection);
}

void DatagramSenders::prepare() {
  source_.reserve(connections_.size());
  tally_.send_call.reserve();
  tally_.send_latency.reserve();
  stalls_.reserve();
}

void DatagramSenders::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  events_.start(true);
  source_.start(connections_, traffic_from, [this](Connection& connection) {
    asio::post(io_, Again{this, &connection});
  });
}

void DatagramSenders::turn(Connection& connection) {
  auto now = mono_now().ns;
  for (int sends = 0; sends < kDatagramsATurn; ++sends) {
    if (connection.size == 0 && !source_.begin(connection, now)) return;
    const auto began = now;
    const auto sent =
        out_.send(connection.socket.get(),
                  {connection.sequence, phase_at(window_, began), connection.counts_from},
                  connection.size, connection.to.length > 0 ? &connection.to : nullptr);
    const int error_number = errno;
    now = mono_now().ns;
    if (sent >= 0) {
      took(connection, began, now);
    } else if (error_number == EAGAIN) {
      wait_writable(connection, now);
      return;
    } else if (error_number != EINTR) {
      if (!survives(connection, error_number)) return;
      done(connection, now);
    }
  }
  asio::post(io_, Again{this, &connection});
}

void DatagramSenders::took(Connection& connection, std::int64_t began, std::int64_t ended) {
  if (window_.contains(began) && !collected_) {
    ++tally_.messages;
    if (!of_group_.empty()) ++of_group_[group_of(connection.sequence)];
  }
  ++connection.sequence;
  if (window_.contains(ended) && !collected_) {
    tally_.send_call.record(static_cast<std::uint64_t>(ended - began));
    tally_.send_latency.record(static_cast<std::uint64_t>(ended - connection.counts_from));
  }
  done(connection, ended);
}

void DatagramSenders::done(Connection& connection, std::int64_t now) {
  if (now < window_.to) ++done_;
  ++connection.message;
  connection.size = 0;
}

void DatagramSenders::wait_writable(Connection& connection, std::int64_t now) {
  stalls_.begin(connection.stalled_since, now);
  events_.change(connection.socket.get(), EPOLLOUT, connection);
}

bool DatagramSenders::survives(Connection& connection, int error_number) {
  ++errors_[errno_name(error_number)];
  if (spares_the_socket(error_number)) return true;
  stalls_.end(connection.stalled_since, mono_now().ns, window_);
  connection.dead = true;
  connection.socket.reset();
  return false;
}

Senders::Collected DatagramSenders::collect() {
  Collected collected;
  for (auto& connection : connections_) {
    if (connection.dead) continue;
    collected.add(connection.socket.get(), task_.family);
    stalls_.cut(connection.stalled_since, window_);
  }
  collected_ = true;
  collected.backlog = source_.backlog(connections_.size(), window_.to, done_);
  collected.datagrams.emplace().sent = tally_.messages;
  collected.datagrams->of_group = of_group_;
  collected.tally = std::move(tally_);
  collected.tally.stalls = stalls_.collect();
  collected.errors = errors_;
  return collected;
}

void DatagramSenders::stop() {
  stopped_ = true;
  source_.stop();
  events_.stop();
  for (auto& connection : connections_) {
    connection.dead = true;
    connection.socket.reset();
  }
}

}  // namespace netstall
