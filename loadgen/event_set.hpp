// Sockets watched by an epoll set of our own, level-triggered, within Asio's reactor or
// in turns with it: one connection costs a pointer in the kernel's tree and nothing of
// Asio, and many events are served by one system call.
#pragma once

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <asio/posix/basic_stream_descriptor.hpp>
#include <cerrno>
#include <cstdint>
#include <utility>

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
      : epoll_(::epoll_create1(EPOLL_CLOEXEC)),
        descriptor_(io),
        turn_(io),
        on_ready_(std::move(on_ready)) {
    if (!epoll_) throw_errno("make an epoll set", errno);
  }
  EventSet(const EventSet&) = delete;
  EventSet& operator=(const EventSet&) = delete;
  // The descriptor is epoll_'s to close.
  ~EventSet() {
    if (descriptor_.is_open()) descriptor_.release();
  }

  // Throws Error where the kernel has no memory, or no watch (fs.epoll.max_user_watches).
  void add(int fd, std::uint32_t events, T& what) { control(EPOLL_CTL_ADD, fd, events, what); }
  void change(int fd, std::uint32_t events, T& what) { control(EPOLL_CTL_MOD, fd, events, what); }
  // Before close(), where another descriptor keeps the socket.
  void remove(int fd) noexcept { ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr); }

  // Without `timers` nothing else in this worker waits for a moment to act: then the set
  // itself is waited for, and the reactor gets its turn at each tick, which saves three
  // system calls an event where few come at a time, and each event its way into a second
  // set. A timeout instead of a tick would have every wait program the CPU's timer, a tenth
  // of an exchange in a virtual machine.
  void start(bool timers) {
    if (timers) {
      descriptor_.assign(epoll_.get());
      await();
    } else {
      watch_ticks();
      take_turn();
    }
  }
  void stop() {
    stopped_ = true;
    turn_.cancel();
    asio::error_code ignored;
    descriptor_.cancel(ignored);
  }

 private:
  static constexpr int kBatch = 256;
  // Then timers, the control stream and other tasks get their turn.
  static constexpr int kRounds = 8;
  static constexpr long kTickNs = 2'000'000;
  static constexpr int kAhead = 2;
  static constexpr std::size_t kCacheLine = 64;

  // With thousands of connections none is in the cache when its event comes.
  static void fetch(const void* what) noexcept {
    const auto* bytes = static_cast<const char*>(what);
    for (std::size_t at = 0; at < sizeof(T); at += kCacheLine) __builtin_prefetch(bytes + at, 1);
  }

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

  // As soon as the reactor has had its own.
  void take_turn() {
    turn_.expires_at(Timer::time_point());
    turn_.async_wait([this](const asio::error_code& error) {
      if (error || stopped_) return;
      run();
      if (!stopped_) take_turn();
    });
  }

  void watch_ticks() {
    tick_.reset(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));
    const itimerspec every{{0, kTickNs}, {0, kTickNs}};
    epoll_event event{};
    event.events = EPOLLIN;  // with no T
    if (!tick_ || ::timerfd_settime(tick_.get(), 0, &every, nullptr) != 0 ||
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, tick_.get(), &event) != 0) {
      throw_errno("make a tick", errno);
    }
  }

  void run() {
    bool stays = true;
    for (int round = 0; stays && !stopped_; ++round) {
      const int timeout = tick_ ? -1 : 0;
      const int count = ::epoll_wait(epoll_.get(), events_.data(), kBatch, timeout);
      if (count <= 0) return;
      if (!tick_) stays = round + 1 < kRounds;
      for (int i = 0; i < count && !stopped_; ++i) {
        const auto& event = events_[static_cast<std::size_t>(i)];
        if (count - i > kAhead) fetch((&event)[kAhead].data.ptr);
        if (event.data.ptr == nullptr) {
          std::uint64_t ticks = 0;
          [[maybe_unused]] const auto ignored = ::read(tick_.get(), &ticks, sizeof ticks);
          stays = false;
          continue;
        }
        on_ready_(*static_cast<T*>(event.data.ptr), event.events);
      }
    }
  }

  Fd epoll_;
  Fd tick_;  // none: the reactor gets its turn after some rounds
  asio::posix::basic_stream_descriptor<Executor> descriptor_;  // where the reactor waits for it
  Timer turn_;                                                 // where it waits for itself
  OnReady on_ready_;
  bool stopped_ = false;
  std::array<epoll_event, kBatch> events_;
};

}  // namespace netstall
