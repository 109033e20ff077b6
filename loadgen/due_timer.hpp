// Calls what is due, in the reactor: one timer before one queue.
#pragma once

#include <asio/post.hpp>
#include <cstdint>
#include <limits>
#include <utility>

#include "base/clock.hpp"
#include "loadgen/due_queue.hpp"
#include "loadgen/reactor.hpp"

namespace netstall {

// Of T objects that outlive it; each is in the queue at most once, by its user's
// care. `OnDue` is called as on_due(T&, due_ns) on the reactor's thread. It must live until
// the reactor has run what it had posted, stop() or not, or runs no more.
template <class T, class OnDue>
class DueTimer {
 public:
  DueTimer(asio::io_context& io, OnDue on_due) : timer_(io), on_due_(std::move(on_due)) {}

  void reserve(std::size_t size) { queue_.reserve(size); }

  // For so long before something is due the reactor does not sleep, but polls.
  void set_spin(std::int64_t ns) { spin_ = ns; }

  void push(std::int64_t due_ns, T& what) {
    queue_.push(due_ns, &what);
    if (!running_ && due_ns < armed_for_) arm(due_ns);
  }

  void stop() {
    queue_.clear();
    timer_.cancel();
    // What is pushed from now on arms it anew.
    armed_for_ = kNever;
  }

 private:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
  // Then sockets get their turn, however late the queue is.
  static constexpr int kBatch = 128;

  void arm(std::int64_t due_ns) {
    armed_for_ = due_ns;
    if (spin_ > 0 && due_ns - mono_now().ns <= spin_) return post();
    timer_.expires_at(time_point_of(due_ns - spin_));
    timer_.async_wait([this](const asio::error_code& error) {
      if (!error) run();
    });
  }

  // The reactor looks at its sockets before it runs what was posted, and does not wait there.
  void post() {
    if (std::exchange(posted_, true)) return;
    asio::post(timer_.get_executor(), [this] {
      posted_ = false;
      run();
    });
  }

  void run() {
    running_ = true;
    armed_for_ = kNever;
    auto now = mono_now().ns;
    for (int i = 0; i < kBatch && !queue_.empty(); ++i) {
      const auto due = queue_.next_due();
      if (due > now) {
        now = mono_now().ns;
        if (due > now) break;
      }
      on_due_(*queue_.pop(), due);
    }
    running_ = false;
    if (!queue_.empty()) arm(queue_.next_due());
  }

  Timer timer_;
  OnDue on_due_;
  DueQueue<T> queue_;
  std::int64_t spin_ = 0;
  std::int64_t armed_for_ = kNever;
  bool posted_ = false;
  bool running_ = false;
};

}  // namespace netstall
