#include "loadgen/ack_readers.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "loadgen/ack_times.hpp"
#include "loadgen/acknowledgement.hpp"
#include "model/size_distribution.hpp"

namespace netstall {

struct AckReaders::Connection {
  explicit Connection(Fd fd) : socket(std::move(fd)) {}
  Fd socket;
  AckReader acks;
  AckTimes times;
  std::uint64_t acknowledged = 0;  // bytes, by the reading program
};

void AckReaders::Ready::operator()(Connection& connection, std::uint32_t events) const {
  if (connection.socket && !readers->stopped_) readers->take(connection, events);
}

AckReaders::AckReaders(asio::io_context& io, const FlowTask& task, std::span<char> buffer)
    : task_(task), buffer_(buffer), events_(io, Ready{this}) {}

AckReaders::~AckReaders() = default;

void AckReaders::adopt(Fd socket) {
  kernel_tells_ = AckTimes::ask(socket.get()) && kernel_tells_;
  auto& connection = connections_.emplace_back(std::move(socket));
  events_.add(connection.socket.get(), EPOLLIN, connection);
}

void AckReaders::start(std::int64_t traffic_from, const Window& window) {
  traffic_from_ = traffic_from;
  window_ = window;
  latency_.reserve();
  kernel_latency_.reserve();
  events_.start(true);
}

void AckReaders::take(Connection& connection, std::uint32_t events) {
  // Notes, which wake as an error does, are read as they come: they take room.
  if ((events & EPOLLERR) != 0) connection.times.read(connection.socket.get());
  const ssize_t got = ::recv(connection.socket.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
  if (got == 0) return end(connection, "EOF");
  if (got < 0) {
    if (errno != EAGAIN && errno != EINTR) end(connection, errno_name(errno));
    return;
  }
  const auto now = mono_now().ns;
  // The kernel had noted what these acknowledge before it had these.
  connection.times.read(connection.socket.get());
  const bool counts = window_.contains(now);
  connection.acks.take(
      buffer_.first(static_cast<std::size_t>(got)), [&](const Acknowledged& message) {
        connection.acknowledged += message.size;
        const auto by_kernel = connection.times.acknowledged_at(connection.acknowledged);
        if (!counts || message.due_ns == kUnknownDue) return;
        const auto since_due = [&](std::int64_t at) {
          const auto ns = at - traffic_from_ - message.due_ns;
          return static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
        };
        latency_.record(since_due(now));
        // Beyond the two by more than a reading of the clocks is off, the wall clock was set
        // meanwhile: then it is not known.
        constexpr std::int64_t kSlack = 1'000'000;
        const bool known = by_kernel && *by_kernel <= now + kSlack &&
                           *by_kernel + kSlack >= traffic_from_ + message.due_ns;
        if (known) kernel_latency_.record(since_due(std::min(*by_kernel, now)));
      });
}

// The sender's descriptor keeps the socket.
void AckReaders::end(Connection& connection, const std::string& name) {
  ++errors_[name];
  events_.remove(connection.socket.get());
  connection.socket.reset();
}

bool AckReaders::knows_due() const {
  return SizeDistribution(task_.payload).largest() >= kMarkBytes;
}

std::optional<Histogram> AckReaders::latency() const {
  return knows_due() ? std::optional(latency_) : std::nullopt;
}

std::optional<Histogram> AckReaders::kernel_latency() const {
  return knows_due() && kernel_tells_ ? std::optional(kernel_latency_) : std::nullopt;
}

Receivers::Collected AckReaders::collect() {
  Collected collected;
  collected.errors = errors_;
  for (const auto& connection : connections_) {
    if (connection.socket) collected.add(connection.socket.get(), task_.family);
  }
  return collected;
}

void AckReaders::stop() {
  stopped_ = true;
  events_.stop();
  for (auto& connection : connections_) {
    if (!connection.socket) continue;
    events_.remove(connection.socket.get());
    connection.socket.reset();
  }
}

}  // namespace netstall
