#include "loadgen/datagram_requesters.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/datagram_sockets.hpp"

namespace netstall {
namespace {

constexpr int kResponsesAnEvent = 16;
// An unpaced connection whose request an error took asks again after so long: at once it
// would do nothing else.
constexpr std::int64_t kAfterErrorNs = 1'000'000;
constexpr std::int64_t kAnswerWithinNs =
    std::chrono::nanoseconds(DatagramRequesters::kAnswerWithin).count();

}  // namespace

struct DatagramRequesters::Connection {
  Connection(Fd fd, std::uint32_t of_task) : socket(std::move(fd)), index(of_task) {}

  Fd socket;
  std::uint32_t index;
  PacePlace place;               // of the next request
  std::uint64_t sequence = 0;    // of the next request that is taken
  std::uint64_t furthest = 0;    // the answered request with the highest number, and one
  std::uint32_t under_way = 0;   // requests
  std::uint32_t permits = 0;     // unpaced: requests that may begin
  std::size_t size = 0;          // of the request to be sent; 0: none is
  std::int64_t request_due = 0;  // of that request
  bool queued = false;           // paced: the due timer will call
  bool expiring = false;         // the expire timer will call
  bool dead = false;
  std::int64_t stalled_since = 0;  // 0: it is not
};

void DatagramRequesters::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead || requesters->stopped_) return;
  if ((events & EPOLLERR) != 0) {
    const int error_number = take_socket_error(connection.socket.get());
    if (error_number != 0 && !requesters->survives(connection, error_number)) return;
  }
  if ((events & EPOLLOUT) != 0) {
    const auto now = mono_now().ns;
    requesters->stalls_.end(connection.stalled_since, now, requesters->window_);
    requesters->events_.change(connection.socket.get(), EPOLLIN, connection);
    requesters->pump(connection, now);
  }
  if ((events & EPOLLIN) != 0 && !connection.dead) requesters->read_batch(connection);
}

void DatagramRequesters::Due::operator()(Connection& connection, std::int64_t) const {
  if (connection.dead || requesters->stopped_) return;
  connection.queued = false;
  if (!requesters->pacer_) ++connection.permits;
  requesters->pump(connection, mono_now().ns);
}

void DatagramRequesters::Expire::operator()(Connection& connection, std::int64_t) const {
  connection.expiring = false;
  if (!connection.dead && !requesters->stopped_) requesters->expire(connection, mono_now().ns);
}

DatagramRequesters::DatagramRequesters(asio::io_context& io, const FlowTask& task,
                                       std::uint64_t seed, std::string_view payload,
                                       std::span<char> buffer)
    : task_(task),
      seed_(seed),
      out_(payload),
      buffer_(buffer),
      sizes_(task),
      events_(io, Ready{this}),
      start_timer_(io),
      due_timer_(io, Due{this}),
      expire_timer_(io, Expire{this}) {}

DatagramRequesters::~DatagramRequesters() = default;

void DatagramRequesters::adopt(Fd socket) {
  const auto index = static_cast<std::uint32_t>(connections_.size());
  auto& connection = connections_.emplace_back(std::move(socket), index);
  events_.add(connection.socket.get(), EPOLLIN, connection);
}

void DatagramRequesters::prepare() {
  places_.resize(connections_.size() * task_.pipeline);
  due_timer_.reserve(places_.size());
  expire_timer_.reserve(connections_.size());
  tally_.send_call.reserve();
  tally_.send_latency.reserve();
  stalls_.reserve();
  acked_.reserve();
}

void DatagramRequesters::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  events_.start(true);
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

std::span<DatagramRequesters::Place> DatagramRequesters::places_of(
    const Connection& connection) noexcept {
  return std::span(places_).subspan(connection.index * std::size_t{task_.pipeline}, task_.pipeline);
}

bool DatagramRequesters::begin_request(Connection& connection, std::int64_t now) {
  if (connection.under_way >= task_.pipeline) return false;
  connection.request_due = now;
  if (pacer_) {
    connection.request_due = pacer_->due(connection.place);
    if (connection.request_due > now) {
      if (!std::exchange(connection.queued, true)) {
        due_timer_.push(connection.request_due, connection);
      }
      return false;
    }
    pacer_->advance(connection.place);
  } else if (connection.permits == 0) {
    return false;
  } else {
    --connection.permits;
  }
  connection.size = sizes_.request(connection.sequence);
  return true;
}

void DatagramRequesters::pump(Connection& connection, std::int64_t now) {
  if (connection.dead || connection.stalled_since != 0) return;
  while (connection.size != 0 || begin_request(connection, now)) {
    if (!send_request(connection, now)) return;
  }
}

bool DatagramRequesters::send_request(Connection& connection, std::int64_t& now) {
  const auto began = now;
  const auto places = places_of(connection);
  // At most task.pipeline are under way: one is free.
  const auto place = std::find_if(places.begin(), places.end(),
                                  [](const Place& each) { return each.sent_at == 0; });
  const auto sent = out_.send(
      connection.socket.get(),
      {connection.sequence, phase_at(window_, began), place - places.begin()}, connection.size);
  const int error_number = errno;
  now = mono_now().ns;
  if (sent >= 0) {
    *place = {connection.sequence, connection.request_due, began, window_.contains(began)};
    sent_request(connection, began, now);
    return true;
  }
  if (error_number == EINTR) return true;
  if (error_number == EAGAIN) {
    stalls_.begin(connection.stalled_since, now);
    events_.change(connection.socket.get(), EPOLLIN | EPOLLOUT, connection);
    return false;
  }
  if (!survives(connection, error_number)) return false;
  drop_request(connection, now);
  return pacer_.has_value();
}

void DatagramRequesters::sent_request(Connection& connection, std::int64_t began,
                                      std::int64_t ended) {
  ++connection.sequence;
  ++connection.under_way;
  connection.size = 0;
  if (!std::exchange(connection.expiring, true)) {
    expire_timer_.push(began + kAnswerWithinNs, connection);
  }
  if (collected_) return;
  if (window_.contains(began)) ++result_.sent;
  if (!window_.contains(ended)) return;
  tally_.send_call.record(static_cast<std::uint64_t>(ended - began));
  tally_.send_latency.record(static_cast<std::uint64_t>(ended - connection.request_due));
}

void DatagramRequesters::drop_request(Connection& connection, std::int64_t now) {
  connection.size = 0;
  if (now < window_.to) ++settled_;
  if (!pacer_) due_timer_.push(now + std::max(kAfterErrorNs, task_.think.count()), connection);
}

void DatagramRequesters::read_batch(Connection& connection) {
  auto now = std::int64_t{0};
  for (int i = 0; i < kResponsesAnEvent; ++i) {
    const ssize_t got =
        ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR && !survives(connection, errno)) return;
      break;
    }
    now = mono_now().ns;
    take(connection, buffer_.first(static_cast<std::size_t>(got)), now);
    // The next request goes before the next response is read, as one at a time does it.
    pump(connection, now);
    if (connection.dead) return;
  }
}

void DatagramRequesters::take(Connection& connection, std::span<const char> datagram,
                              std::int64_t now) {
  const auto head = head_of(datagram);
  if (!head || head->word < 0 || head->word >= std::int64_t{task_.pipeline}) {
    ++errors_["a stranger's datagram"];
    return;
  }
  if (window_.contains(now)) bytes_ += datagram.size();
  auto& place = places_of(connection)[static_cast<std::size_t>(head->word)];
  // Given up, or answered already.
  if (place.sent_at == 0 || place.sequence != head->sequence) return;
  if (datagram.size() != sizes_.response(head->sequence)) {
    ++errors_["a response of another size"];
    return;
  }
  if (place.in_window && !collected_) {
    ++result_.received;
    last_of_window_ = now;
    if (head->sequence + 1 < connection.furthest) ++result_.reordered;
  }
  connection.furthest = std::max(connection.furthest, head->sequence + 1);
  if (now < window_.to) ++settled_;
  if (window_.contains(now) && !collected_) {
    ++tally_.messages;
    acked_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - place.due, 0)));
  }
  place.sent_at = 0;
  --connection.under_way;
  next_request(connection, now);
}

void DatagramRequesters::next_request(Connection& connection, std::int64_t now) {
  if (pacer_) return;
  if (task_.think.count() == 0) {
    ++connection.permits;
  } else {
    due_timer_.push(now + task_.think.count(), connection);
  }
}

void DatagramRequesters::expire(Connection& connection, std::int64_t now) {
  auto next = std::numeric_limits<std::int64_t>::max();
  for (auto& place : places_of(connection)) {
    if (place.sent_at == 0) continue;
    if (place.sent_at + kAnswerWithinNs > now) {
      next = std::min(next, place.sent_at + kAnswerWithinNs);
      continue;
    }
    place.sent_at = 0;
    --connection.under_way;
    if (now < window_.to) ++settled_;
    next_request(connection, now);
  }
  if (next != std::numeric_limits<std::int64_t>::max()) {
    connection.expiring = true;
    expire_timer_.push(next, connection);
  }
  pump(connection, now);
}

bool DatagramRequesters::survives(Connection& connection, int error_number) {
  ++errors_[errno_name(error_number)];
  if (spares_the_socket(error_number)) return true;
  stalls_.end(connection.stalled_since, mono_now().ns, window_);
  connection.dead = true;
  connection.socket.reset();
  return false;
}

Senders::Collected DatagramRequesters::collect() {
  Collected collected;
  const auto count = static_cast<std::uint32_t>(connections_.size());
  for (auto& connection : connections_) {
    if (pacer_) collected.backlog += pacer_->due_before(connection.index, count, window_.to);
    if (connection.dead) continue;
    collected.add(connection.socket.get(), task_.family);
    stalls_.cut(connection.stalled_since, window_);
  }
  collected_ = true;
  collected.backlog -= std::min(collected.backlog, settled_);
  result_.delivered = tally_.messages;
  collected.datagrams = result_;
  collected.tally = std::move(tally_);
  collected.tally.stalls = stalls_.collect();
  collected.acked = std::move(acked_);
  collected.errors = errors_;
  return collected;
}

void DatagramRequesters::stop() {
  stopped_ = true;
  start_timer_.cancel();
  due_timer_.stop();
  expire_timer_.stop();
  events_.stop();
  for (auto& connection : connections_) {
    connection.dead = true;
    connection.socket.reset();
  }
}

}  // namespace netstall
