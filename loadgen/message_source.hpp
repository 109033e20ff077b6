// Which message each connection of a task sends next, and when: the same for all senders
// of the reactor that send of their own accord.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "loadgen/due_timer.hpp"
#include "loadgen/message_sizes.hpp"
#include "loadgen/pacer.hpp"
#include "loadgen/reactor.hpp"
#include "loadgen/seeded.hpp"

namespace netstall {

// Part of a connection.
struct MessageCursor {
  PacePlace place;               // of the message after the current one
  std::uint64_t sizes = 0;       // the stream of its messages' sizes
  std::uint64_t message = 0;     // number of the current one
  std::size_t size = 0;          // of the current one; 0: it has not begun
  std::int64_t counts_from = 0;  // its due time; unpaced: when it was begun
};

// `Connection` is a MessageCursor. `OnDue` is DueTimer's: called where a paced message, for
// which begin() was too early, is due. From the reactor's thread alone.
template <class Connection, class OnDue>
class MessageSource {
 public:
  MessageSource(asio::io_context& io, const FlowTask& task, std::uint64_t seed, OnDue on_due)
      : task_(task),
        seed_(seed),
        start_timer_(io),
        due_timer_(io, std::move(on_due)),
        sizes_(task.payload) {}

  // So that nothing is allocated later.
  void reserve(std::size_t connections) { due_timer_.reserve(connections); }

  // The first messages: each when it is due; without a pace first(connection) is called for
  // all at `traffic_from`. The connections outlive it, or stop().
  template <class First>
  void start(std::deque<Connection>& connections, std::int64_t traffic_from, First first) {
    if (task_.pace) {
      pacer_.emplace(traffic_from, *task_.pace, seed_, task_.port);
      due_timer_.set_spin(task_.pace->spin.count());
    }
    const auto count = static_cast<std::uint32_t>(connections.size());
    std::uint32_t index = 0;
    for (auto& connection : connections) {
      connection.sizes = stream_of(seed_, Draw::size, task_.port, index);
      if (pacer_) {
        connection.place = pacer_->first(index, count);
        due_timer_.push(pacer_->due(connection.place), connection);
      }
      ++index;
    }
    if (pacer_) return;
    start_timer_.expires_at(time_point_of(traffic_from));
    start_timer_.async_wait([this, &connections, first](const asio::error_code& error) {
      if (error || stopped_) return;
      for (auto& connection : connections) first(connection);
    });
  }

  // The connection's next message becomes its current one; false where it is not due yet.
  bool begin(Connection& connection, std::int64_t now) {
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

  // Of those due before `to`, how many more there were than `done`; 0 without a pace.
  std::uint64_t backlog(std::size_t connections, std::int64_t to, std::uint64_t done) const {
    std::uint64_t due = 0;
    const auto count = static_cast<std::uint32_t>(connections);
    for (std::uint32_t index = 0; pacer_ && index < count; ++index) {
      due += pacer_->due_before(index, count, to);
    }
    return due - std::min(due, done);
  }

  void stop() {
    stopped_ = true;
    start_timer_.cancel();
    due_timer_.stop();
  }

 private:
  const FlowTask& task_;
  std::uint64_t seed_;
  Timer start_timer_;
  DueTimer<Connection, OnDue> due_timer_;
  MessageSizes sizes_;
  std::optional<Pacer> pacer_;  // absent: as fast as the sockets take it
  bool stopped_ = false;
};

}  // namespace netstall
