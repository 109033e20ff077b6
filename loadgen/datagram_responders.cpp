#include "loadgen/datagram_responders.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/datagram_sockets.hpp"

namespace netstall {
namespace {

constexpr int kRequestsAnEvent = 16;

}  // namespace

struct DatagramResponders::Connection {
  explicit Connection(Fd fd) : socket(std::move(fd)) {}

  Fd socket;
  DatagramHead request;
  std::size_t to_send = 0;  // of its response; 0: none waits
  bool blocked = false;
  bool dead = false;
};

void DatagramResponders::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.dead) return;
  if ((events & EPOLLERR) != 0) {
    const int error_number = take_socket_error(connection.socket.get());
    if (error_number != 0 && !responders->survives(connection, error_number)) return;
  }
  if ((events & EPOLLOUT) != 0 && connection.to_send > 0) {
    if (!responders->respond(connection)) return;
  }
  if ((events & EPOLLIN) != 0 && connection.to_send == 0) responders->serve(connection);
}

DatagramResponders::DatagramResponders(asio::io_context& io, const FlowTask& task,
                                       std::string_view payload, std::span<char> buffer)
    : task_(task), out_(payload), buffer_(buffer), sizes_(task), events_(io, Ready{this}) {}

DatagramResponders::~DatagramResponders() = default;

void DatagramResponders::adopt(Fd socket) {
  auto& connection = connections_.emplace_back(std::move(socket));
  events_.add(connection.socket.get(), EPOLLIN, connection);
}

void DatagramResponders::start(std::int64_t, const Window& window) {
  window_ = window;
  events_.start(true);
}

void DatagramResponders::serve(Connection& connection) {
  for (int i = 0; i < kRequestsAnEvent; ++i) {
    const ssize_t got =
        ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno != EAGAIN && errno != EINTR) survives(connection, errno);
      return;
    }
    const auto bytes = static_cast<std::size_t>(got);
    if (window_.contains(mono_now().ns)) bytes_ += bytes;
    const auto head = head_of(buffer_.first(bytes));
    if (!head) {
      ++errors_["a stranger's datagram"];
      continue;
    }
    connection.request = *head;
    connection.to_send = sizes_.response(head->sequence);
    if (!respond(connection)) return;
  }
}

bool DatagramResponders::respond(Connection& connection) {
  while (connection.to_send > 0) {
    const auto sent = out_.send(connection.socket.get(), connection.request, connection.to_send);
    if (sent >= 0) {
      connection.to_send = 0;
    } else if (errno == EAGAIN) {
      if (!std::exchange(connection.blocked, true)) {
        events_.change(connection.socket.get(), EPOLLOUT, connection);
      }
      return false;
    } else if (errno != EINTR) {
      connection.to_send = 0;
      if (!survives(connection, errno)) return false;
    }
  }
  if (std::exchange(connection.blocked, false)) {
    events_.change(connection.socket.get(), EPOLLIN, connection);
  }
  return true;
}

bool DatagramResponders::survives(Connection& connection, int error_number) {
  ++errors_[errno_name(error_number)];
  if (spares_the_socket(error_number)) return true;
  connection.dead = true;
  connection.socket.reset();
  return false;
}

Receivers::Collected DatagramResponders::collect() {
  Collected collected;
  collected.errors = errors_;
  for (const auto& connection : connections_) {
    if (!connection.dead) collected.add(connection.socket.get(), task_.family);
  }
  return collected;
}

void DatagramResponders::stop() {
  events_.stop();
  for (auto& connection : connections_) {
    connection.dead = true;
    connection.socket.reset();
  }
}

}  // namespace netstall
