#include "loadgen/datagram_readers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/datagram_sockets.hpp"
#include "loadgen/pacer.hpp"
#include "model/size_distribution.hpp"

namespace netstall {
namespace {

// Then the other connections get their turn.
constexpr int kDatagramsAnEvent = 16;

}  // namespace

struct DatagramReaders::Connection {
  Connection(Fd fd, const ReaderManner& of_it, std::uint32_t of_task)
      : socket(std::move(fd)), manner(of_it), index(of_task) {}

  ReaderSchedule schedule() const noexcept { return ReaderSchedule(manner.bytes_per_s); }

  Fd socket;
  ReaderManner manner;
  std::uint32_t index;
  std::vector<DatagramSequence> sequences;  // one; of multicast one for each of the groups
  std::vector<std::uint32_t> groups;        // of multicast

  // Nothing for a group that is not its own.
  std::optional<DatagramSequence::Came> take(std::uint64_t number) noexcept {
    if (groups.empty()) return sequences.front().take(number);
    const auto group = std::find(groups.begin(), groups.end(), group_of(number));
    if (group == groups.end()) return std::nullopt;
    return sequences[static_cast<std::size_t>(group - groups.begin())].take(within_group(number));
  }
  bool watched = false;
  bool dead = false;
};

void DatagramReaders::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead || readers->stopped_) return;
  if ((events & EPOLLERR) != 0) {
    const int error_number = take_socket_error(connection.socket.get());
    if (error_number != 0) readers->error(connection, error_number);
  }
  if ((events & EPOLLIN) == 0 || connection.dead || !connection.watched) return;
  if (!connection.manner.limited) return readers->read_batch(connection);
  auto now = mono_now().ns;
  const auto bytes = readers->read_one(connection, now);
  if (!bytes || connection.dead) return;
  readers->watch(connection, false);
  readers->due_timer_.push(connection.schedule().next_after_waiting(now, *bytes), connection);
}

void DatagramReaders::Due::operator()(Connection& connection, std::int64_t due) const {
  if (!connection.dead && !readers->stopped_) readers->take_due(connection, due);
}

DatagramReaders::DatagramReaders(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                                 std::span<char> buffer)
    : task_(task),
      seed_(seed),
      buffer_(buffer.first(read_size(task))),
      events_(io, Ready{this}),
      turns_(io,
             {[this](std::int64_t from, bool first) { begin(from, first); }, [this] { freeze(); }}),
      due_timer_(io, Due{this}) {}

DatagramReaders::~DatagramReaders() = default;

void DatagramReaders::adopt(Fd socket) {
  adopt(std::move(socket), {});
}

void DatagramReaders::adopt(Fd socket, std::vector<std::uint32_t> groups) {
  const auto index = static_cast<std::uint32_t>(connections_.size());
  auto& connection =
      connections_.emplace_back(std::move(socket), reader_manner(task_, seed_, index), index);
  connection.sequences.resize(std::max<std::size_t>(groups.size(), 1));
  connection.groups = std::move(groups);
  events_.add(connection.socket.get(), 0, connection);
}

void DatagramReaders::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  due_timer_.reserve(connections_.size());
  delivery_.reserve();
  events_.start(true);
  turns_.start(task_.reader, traffic_from);
}

void DatagramReaders::begin(std::int64_t from, bool first) {
  for (auto& connection : connections_) {
    if (!first && !connection.manner.freezes) continue;
    if (!connection.dead) begin(connection, from);
  }
}

void DatagramReaders::begin(Connection& connection, std::int64_t from) {
  if (!turns_.may_read(connection.manner)) return;
  if (!connection.manner.limited) return watch(connection, true);
  const auto one = static_cast<double>(
      connection.schedule().duration(SizeDistribution(task_.payload).largest()));
  const auto count = static_cast<std::uint32_t>(connections_.size());
  due_timer_.push(from + phase_ns(seed_, task_.port, connection.index, count, one), connection);
}

// All that are limited freeze: the queue is theirs.
void DatagramReaders::freeze() {
  due_timer_.stop();
  for (auto& connection : connections_) {
    if (!connection.dead && connection.manner.freezes) watch(connection, false);
  }
}

void DatagramReaders::watch(Connection& connection, bool on) {
  if (connection.watched == on) return;
  connection.watched = on;
  events_.change(connection.socket.get(), on ? std::uint32_t{EPOLLIN} : 0U, connection);
}

void DatagramReaders::read_batch(Connection& connection) {
  auto now = std::int64_t{0};
  for (int i = 0; i < kDatagramsAnEvent && read_one(connection, now); ++i) {
  }
}

void DatagramReaders::take_due(Connection& connection, std::int64_t due) {
  if (!turns_.may_read(connection.manner)) return;
  auto now = std::int64_t{0};
  const auto bytes = read_one(connection, now);
  if (connection.dead) return;
  if (bytes) {
    due_timer_.push(connection.schedule().next(due, *bytes), connection);
  } else {
    watch(connection, true);
  }
}

std::optional<std::size_t> DatagramReaders::read_one(Connection& connection, std::int64_t& now) {
  const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) error(connection, errno);
    return std::nullopt;
  }
  now = mono_now().ns;
  const auto bytes = static_cast<std::size_t>(got);
  count(connection, buffer_.first(bytes), now);
  return bytes;
}

void DatagramReaders::count(Connection& connection, std::span<const char> datagram,
                            std::int64_t now) {
  const auto head = head_of(datagram);
  if (!head) {
    ++errors_["a stranger's datagram"];
    return;
  }
  const bool in_window = window_.contains(now);
  if (in_window) bytes_ += datagram.size();
  const auto came = connection.take(head->sequence);
  if (collected_) return;
  if (!came) {
    ++errors_["a datagram of another group"];
    return;
  }
  if (came == DatagramSequence::Came::again) {
    if (head->phase == DatagramPhase::within) ++result_.duplicated;
    return;
  }
  if (head->phase == DatagramPhase::within) {
    ++result_.received;
    // What a slow reader has yet to take lies in its socket, and is counted there.
    if (!connection.manner.limited) last_of_window_ = now;
    if (came == DatagramSequence::Came::late) ++result_.reordered;
  }
  if (!in_window) return;
  ++result_.delivered;
  delivery_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - head->word, 0)));
}

// A socket keeps the order: what was sent after the window lies behind.
void DatagramReaders::count_unread(Connection& connection) {
  for (;;) {
    const ssize_t got =
        ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return;
    const auto head = head_of(buffer_.first(static_cast<std::size_t>(got)));
    if (!head) continue;
    const auto came = connection.take(head->sequence);
    if (head->phase == DatagramPhase::after) return;
    if (head->phase != DatagramPhase::within || !came) continue;
    ++(came == DatagramSequence::Came::again ? result_.duplicated : result_.unread);
  }
}

void DatagramReaders::error(Connection& connection, int error_number) {
  ++errors_[errno_name(error_number)];
  if (spares_the_socket(error_number)) return;
  connection.dead = true;
  connection.socket.reset();
}

Receivers::Collected DatagramReaders::collect() {
  Collected collected;
  for (auto& connection : connections_) {
    if (connection.dead) continue;
    collected.add(connection.socket.get(), task_.family);
    count_unread(connection);
    if (connection.groups.empty()) continue;
    collected.alive += static_cast<std::uint32_t>(connection.groups.size()) - 1;
    result_.of_group.resize(task_.multicast.groups);
    for (const auto group : connection.groups) ++result_.of_group[group];
  }
  collected_ = true;
  collected.errors = errors_;
  collected.datagrams = result_;
  collected.datagrams->delivery = std::move(delivery_);
  return collected;
}

void DatagramReaders::stop() {
  stopped_ = true;
  turns_.stop();
  due_timer_.stop();
  events_.stop();
  for (auto& connection : connections_) {
    connection.dead = true;
    connection.socket.reset();
  }
}

}  // namespace netstall
