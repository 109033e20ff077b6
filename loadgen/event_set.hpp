// Sockets watched by an epoll set of our own, level-triggered, within Asio's reactor:
// one connection costs a pointer in the kernel's tree and nothing of Asio, and many
// events are served by one system call.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <utility>

#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "loadgen/reactor.hpp"

namespace netstall {

// Calls on_ready(T&, epoll events) on the reactor's thread. The T objects outlive it,
// or stop().
template <class T, class OnReady>
class EventSet {
 public:
  EventSet(asio::io_context& io, OnReady on_ready)
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)), descriptor_(io), on_ready_(std::move(on_ready)) {
    if (!epoll_) throw_errno("make an epoll set", errno);
    descriptor_.assign(epoll_.get());
  }
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;
  // The descriptor is epoll_'s to close.
  ~EventSet() { descriptor_.release(); }

  // Throws Error where the kernel has no memory, or no watch (fs.epoll.max_user_watches).
  void add(int fd, std::uint32_t events, T& what) { control(EPOLL_CTL_ADD, fd, events, what); }
  void change(int fd, std::uint32_t events, T& what) { control(EPOLL_CTL_MOD, fd, events, what); }

  // Without `timers` nothing else in this worker waits for a moment to act: then the set
  // is asked again for up to kStay before the reactor gets its turn, which saves three
  // system calls an event where few come at a time.
  void start(bool timers) {
    stays_ = !timers;
    await();
  }
  void stop() {
    stopped_ = true;
    asio::error_code ignored;
    descriptor_.cancel(ignored);
  }

 private:
  static constexpr int kBatch = 256;
  // Then timers, the control stream and other tasks get their turn.
  static constexpr int kRounds = 8;
  static constexpr int kStayMs = 1;
  static constexpr std::chrono::nanoseconds kStay = std::chrono::milliseconds(kStayMs);

  void control(int operation, int fd, std::uint32_t events, T& what) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &what;
    if (::epoll_ctl(epoll_.get(), operation, fd, &event) != 0) {
      throw_errno("watch a socket", errno);
    }
  }

  void await() {
    descriptor_.async_wait(descriptor_.wait_read, [this](const asio::error_code& error) {
      if (error || stopped_) return;
      run();
      if (!stopped_) await();
    });
  }

  void run() {
    const auto until = mono_now().ns + kStay.count();
    for (int round = 0; !stopped_; ++round) {
      const bool again = stays_ ? mono_now().ns < until : round < kRounds;
      if (!again) return;
      const int timeout = stays_ && round > 0 ? kStayMs : 0;
      const int count = ::epoll_wait(epoll_.get(), events_.data(), kBatch, timeout);
      if (count <= 0) return;
      for (int i = 0; i < count && !stopped_; ++i) {
        const auto& event = events_[static_cast<std::size_t>(i)];
        on_ready_(*static_cast<T*>(event.data.ptr), event.events);
      }
    }
  }

  Fd epoll_;
  asio::posix::basic_stream_descriptor<Executor> descriptor_;
  OnReady on_ready_;
  bool stays_ = false;
  bool stopped_ = false;
  std::array<epoll_event, kBatch> events_;
};

}  // namespace netstall
