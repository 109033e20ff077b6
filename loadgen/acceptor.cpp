#include "loadgen/acceptor.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"
#include "base/error.hpp"

namespace netstall {
namespace {

// Then the other listeners, and the readers, get their turn.
constexpr int kBatch = 64;
// Without a free descriptor or memory accept() would fail again at once.
constexpr auto kPause = std::chrono::milliseconds(20);

}  // namespace

struct Acceptor::Listener {
  Listener(asio::io_context& io, std::size_t of_task) : task(of_task), socket(io), pause(io) {}
  std::size_t task;
  TcpAcceptor socket;
  Timer pause;
};

Acceptor::Acceptor(asio::io_context& io, const Configure& configure, Handlers handlers)
    : io_(io),
      configure_(configure),
      handlers_(std::move(handlers)),
      outcomes_(configure.tasks.size()),
      deadline_timer_(io) {}

Acceptor::~Acceptor() = default;

void Acceptor::listen() {
  for (std::size_t i = 0; i < configure_.tasks.size(); ++i) {
    const auto& task = configure_.tasks[i];
    if (is_udp(task.pattern) || task.pattern == Pattern::connect) {
      expected_.push_back(0);
      continue;
    }
    Fd fd =
        listen_on(task, task.family == Family::ipv4 ? configure_.local_v4 : configure_.local_v6);
    auto& listener = listeners_.emplace_back(io_, i);
    listener.socket.assign(task.family == Family::ipv4 ? asio::ip::tcp::v4() : asio::ip::tcp::v6(),
                           fd.release());
    expected_.push_back(task.connections);
  }
}

void Acceptor::start() {
  for (auto& listener : listeners_) await(listener);
  finish_at((mono_now() + configure_.ramp + configure_.connect_deadline).ns);
}

void Acceptor::settle(const std::vector<std::uint32_t>& connections) {
  if (connections.size() != expected_.size()) {
    throw Error(ErrorKind::failed, "read a message", "it settles other tasks than were configured");
  }
  if (stopped_) return;
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    const auto pattern = configure_.tasks[i].pattern;
    expected_[i] = is_udp(pattern) || pattern == Pattern::connect ? 0 : connections[i];
  }
  finish_at((mono_now() + configure_.connect_deadline).ns);
  finish_if_complete();
}

void Acceptor::stop() {
  stopped_ = true;
  deadline_timer_.cancel();
  for (auto& listener : listeners_) {
    asio::error_code ignored;
    listener.pause.cancel();
    listener.socket.close(ignored);
  }
}

void Acceptor::await(Listener& listener) {
  listener.socket.async_wait(TcpAcceptor::wait_read,
                             [this, &listener](const asio::error_code& error) {
                               if (!error && !stopped_) accept_batch(listener);
                             });
}

void Acceptor::accept_batch(Listener& listener) {
  auto& outcome = outcomes_[listener.task];
  for (int i = 0; i < kBatch; ++i) {
    if (outcome.established >= expected_[listener.task]) break;
    Fd fd(
        ::accept4(listener.socket.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (fd) {
      ++outcome.established;
      handlers_.established(listener.task, std::move(fd));
      continue;
    }
    if (errno == EAGAIN) break;
    if (errno == EINTR) continue;
    ++outcome.failed[errno_name(errno)];
    if (errno == ECONNABORTED) continue;
    listener.pause.expires_after(kPause);
    listener.pause.async_wait([this, &listener](const asio::error_code& error) {
      if (!error && !stopped_) accept_batch(listener);
    });
    return;
  }
  if (outcome.established < expected_[listener.task]) await(listener);
  finish_if_complete();
}

void Acceptor::finish_if_complete() {
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    if (outcomes_[i].established < expected_[i]) return;
  }
  finish();
}

void Acceptor::finish_at(std::int64_t at_ns) {
  deadline_timer_.expires_at(time_point_of(at_ns));
  deadline_timer_.async_wait([this](const asio::error_code& error) {
    if (!error && !stopped_) finish();
  });
}

void Acceptor::finish() {
  stop();
  if (auto finished = std::exchange(handlers_.finished, nullptr)) finished();
}

}  // namespace netstall
