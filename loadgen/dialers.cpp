#include "loadgen/dialers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/message_mark.hpp"

namespace netstall {
namespace {

constexpr std::uint32_t kOver = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

}  // namespace

struct Dialers::Slot {
  explicit Slot(std::uint32_t of_task) : index(of_task) {}

  enum class State : std::uint8_t { idle, connecting, asking, waiting, closing };

  Fd socket;
  std::uint32_t index;
  State state = State::idle;
  PacePlace place;          // of the exchange after the current one
  std::uint64_t sizes = 0;  // the stream of its requests' sizes
  std::uint64_t n = 0;      // of exchanges begun
  std::int64_t due = 0;     // of the current exchange
  std::int64_t dialled_at = 0;
  std::size_t size = 0;  // of the request
  std::size_t offset = 0;
  MarkReader response;
  std::int64_t stalled_since = 0;  // 0: it is not
};

void Dialers::Ready::operator()(Slot& slot, std::uint32_t events) const {
  using State = Slot::State;
  if (slot.state == State::connecting) {
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
      return dialers->fail(slot, errno_name(take_socket_error(slot.socket.get())));
    }
    if ((events & EPOLLOUT) != 0) dialers->established(slot);
  }
  if (slot.state == State::asking && !dialers->ask(slot)) return;
  if (slot.state == State::waiting && (events & (EPOLLIN | kOver)) != 0 && !dialers->read(slot)) {
    return;
  }
  if ((events & kOver) == 0) return;
  if (slot.state == State::closing) return dialers->hang_up(slot, mono_now().ns);
  if (slot.state == State::waiting) dialers->fail(slot, "EOF");
}

void Dialers::Due::operator()(Slot& slot, std::int64_t) const {
  if (!dialers->stopped_) dialers->next(slot, mono_now().ns);
}

Dialers::Dialers(asio::io_context& io, const FlowTask& task, std::uint64_t seed,
                 const std::string& address, std::span<char> payload, std::span<char> buffer,
                 bool alone)
    : task_(task),
      seed_(seed),
      address_(address_of(task.family, address, task.port)),
      payload_(payload),
      buffer_(buffer),
      alone_(alone),
      sizes_(task.payload),
      events_(io, Ready{this}),
      due_timer_(io, Due{this}) {}

Dialers::~Dialers() = default;

void Dialers::adopt(Fd) {
  throw Error(ErrorKind::failed, "take a connection", "its ends make their own");
}

void Dialers::prepare() {
  for (std::uint32_t i = 0; i < task_.connections; ++i) {
    slots_.emplace_back(i).sizes = stream_of(seed_, Draw::size, task_.port, i);
  }
  due_timer_.reserve(slots_.size());
  tally_.send_call.reserve();
  tally_.send_latency.reserve();
  stalls_.reserve();
  acked_.reserve();
  connect_.reserve();
}

void Dialers::start(std::int64_t traffic_from, const Window& window) {
  window_ = window;
  events_.start(!alone_ || task_.pace);
  if (task_.pace) {
    pacer_.emplace(traffic_from, *task_.pace, seed_, task_.port);
    due_timer_.set_spin(task_.pace->spin.count());
  }
  for (auto& slot : slots_) {
    if (pacer_) slot.place = pacer_->first(slot.index, task_.connections);
    due_timer_.push(pacer_ ? pacer_->due(slot.place) : traffic_from, slot);
  }
}

void Dialers::next(Slot& slot, std::int64_t now) {
  slot.due = now;
  if (pacer_) {
    slot.due = pacer_->due(slot.place);
    if (slot.due > now) return due_timer_.push(slot.due, slot);
    pacer_->advance(slot.place);
  }
  dial(slot, now);
}

void Dialers::dial(Slot& slot, std::int64_t now) {
  slot.size = sizes_.of(slot.sizes, slot.n++);
  slot.offset = 0;
  slot.dialled_at = now;
  slot.socket = make_socket(task_, Side::client);
  if (!slot.socket) return fail(slot, errno_name(errno));
  const int fd = slot.socket.get();
  slot.state = Slot::State::connecting;
  if (::connect(fd, address_.get(), address_.length) != 0 && errno != EINPROGRESS) {
    return fail(slot, errno_name(errno));
  }
  events_.add(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, slot);
}

void Dialers::established(Slot& slot) {
  const auto now = mono_now().ns;
  if (window_.contains(now) && !collected_) {
    connect_.record(static_cast<std::uint64_t>(now - slot.dialled_at));
  }
  slot.state = Slot::State::asking;
}

bool Dialers::ask(Slot& slot) {
  auto began = mono_now().ns;
  stalls_.end(slot.stalled_since, began, window_);
  while (slot.offset < slot.size) {
    if (slot.offset < kMarkBytes) write_mark(payload_.data(), slot.size, 0);
    const ssize_t sent = ::send(slot.socket.get(), payload_.data() + slot.offset,
                                slot.size - slot.offset, MSG_DONTWAIT | MSG_NOSIGNAL);
    const int error_number = errno;
    const auto now = mono_now().ns;
    if (sent < 0) {
      if (error_number == EINTR) continue;
      if (error_number != EAGAIN) {
        fail(slot, errno_name(error_number));
        return false;
      }
      stalls_.begin(slot.stalled_since, now);
      return true;
    }
    const bool counts = window_.contains(now) && !collected_;
    if (counts) tally_.send_call.record(static_cast<std::uint64_t>(now - began));
    began = now;
    slot.offset += static_cast<std::size_t>(sent);
    if (slot.offset == slot.size && counts) {
      tally_.send_latency.record(static_cast<std::uint64_t>(now - slot.due));
    }
  }
  slot.state = Slot::State::waiting;
  return true;
}

bool Dialers::read(Slot& slot) {
  for (;;) {
    const ssize_t got = ::recv(slot.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) {
      fail(slot, got == 0 ? "EOF" : errno_name(errno));
      return false;
    }
    const auto now = mono_now().ns;
    const auto bytes = static_cast<std::size_t>(got);
    if (window_.contains(now)) bytes_ += bytes;
    int responses = 0;
    const bool good = slot.response.take(buffer_.first(bytes), [&](auto) { ++responses; });
    if (!good || responses > 1) {
      fail(slot, "garbled data");
      return false;
    }
    if (responses == 1) {
      answered(slot, now);
      return slot.state == Slot::State::closing;
    }
    // All that was there: what comes from now on is another event.
    if (bytes < buffer_.size()) return true;
  }
}

void Dialers::answered(Slot& slot, std::int64_t now) {
  if (now < window_.to) ++over_;
  if (window_.contains(now) && !collected_) {
    ++tally_.messages;
    acked_.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - slot.due, 0)));
  }
  slot.state = Slot::State::closing;
  // Else the other end's close is waited for: where it comes second, TIME_WAIT is here.
  if (task_.closes == Side::client) hang_up(slot, now);
}

void Dialers::hang_up(Slot& slot, std::int64_t now) {
  slot.socket.reset();
  slot.response = MarkReader();
  slot.state = Slot::State::idle;
  next(slot, now);
}

void Dialers::fail(Slot& slot, const std::string& name) {
  const auto now = mono_now().ns;
  stalls_.end(slot.stalled_since, now, window_);
  ++errors_[name];
  if (now < window_.to) ++over_;
  slot.socket.reset();
  slot.response = MarkReader();
  slot.state = Slot::State::idle;
  // Not at once: an error that comes at once would come again, without an end.
  due_timer_.push(now + Nanoseconds(kRest).count(), slot);
}

Senders::Collected Dialers::collect() {
  Collected collected;
  for (auto& slot : slots_) {
    if (pacer_) collected.backlog += pacer_->due_before(slot.index, task_.connections, window_.to);
    if (!slot.socket) continue;
    collected.add(slot.socket.get(), task_.family);
    stalls_.cut(slot.stalled_since, window_);
  }
  collected.alive = task_.connections;
  collected_ = true;
  collected.backlog -= std::min(collected.backlog, over_);
  collected.tally = std::move(tally_);
  collected.tally.stalls = stalls_.collect();
  collected.acked = std::move(acked_);
  collected.connect = std::move(connect_);
  collected.errors = errors_;
  return collected;
}

void Dialers::stop() {
  stopped_ = true;
  due_timer_.stop();
  events_.stop();
  for (auto& slot : slots_) {
    if (slot.socket) set_linger(slot.socket.get(), Nanoseconds(0));
    slot.socket.reset();
    slot.state = Slot::State::idle;
  }
}

}  // namespace netstall
