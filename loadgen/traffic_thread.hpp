// A thread that carries the traffic of one connection: it waits until it is let go, and ends
// when it is told to.
#pragma once

#include <pthread.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <string_view>
#include <utility>

#include "base/clock.hpp"
#include "base/fd.hpp"

namespace netstall {

// begin(), go(), stop() and join() belong to the maker's thread, the protected part to the
// thread itself. Not movable: the thread has its address.
class TrafficThread {
 public:
  // Of static storage: what it is, and its name for the kernel (15 characters at most).
  struct Kind {
    const char* what;
    const char* name;
  };
  TrafficThread(const Kind& kind, Fd socket) noexcept : kind_(kind), socket_(std::move(socket)) {}
  TrafficThread(const TrafficThread&) = delete;
  TrafficThread& operator=(const TrafficThread&) = delete;

  // Throws Error where no thread can be made.
  void begin();
  bool ready() const noexcept { return tid_.load(std::memory_order_acquire) != 0; }
  void go() noexcept { command(kGo); }
  // Also wakes it from its pause and from a call that blocks. Idempotent.
  void stop() noexcept;
  // False where it has not ended by then; else its socket is closed. Idempotent.
  bool join(const Deadline& deadline) noexcept;

  int fd() const noexcept { return socket_.get(); }
  pid_t tid() const noexcept { return tid_.load(std::memory_order_acquire); }
  clockid_t cpu_clock() const noexcept { return cpu_clock_; }

 protected:
  virtual ~TrafficThread() = default;

  // All that the thread does: await_go() first, then until stopping().
  virtual void run() = 0;
  // Says that it is ready(), and returns after go().
  void await_go() noexcept;
  // Returns false when told to stop.
  bool pause_until(std::int64_t due_ns) noexcept;
  bool stopping() const noexcept { return command_.load(std::memory_order_relaxed) == kStop; }

 private:
  enum Command : std::uint32_t { kWait, kGo, kStop };

  static void* main(void* self);
  void command(Command command) noexcept;

  Kind kind_;
  Fd socket_;
  pthread_t thread_{};
  clockid_t cpu_clock_{};
  bool begun_ = false;
  std::atomic<std::uint32_t> command_ = kWait;
  std::atomic<pid_t> tid_ = 0;
};

[[noreturn]] void fail_to_begin(std::string_view what);
[[noreturn]] void fail_to_join(std::string_view what);
// False where it is not by then.
bool await_ready(const TrafficThread& thread, const Deadline& deadline) noexcept;

// Begins all of them and returns when each is ready. Throws Error where one cannot be made or
// does not get to run.
template <class Threads>
void begin_all(Threads& threads) {
  for (auto& thread : threads) thread.begin();
  const Deadline deadline(std::chrono::seconds(30));
  for (const auto& thread : threads) {
    if (!await_ready(thread, deadline)) fail_to_begin(Threads::value_type::kKind.what);
  }
}

// Stops all of them and waits until they have ended; throws Error where one does not.
// Idempotent.
template <class Threads>
void end_all(Threads& threads) {
  for (auto& thread : threads) thread.stop();
  const Deadline deadline(std::chrono::seconds(10));
  for (auto& thread : threads) {
    if (!thread.join(deadline)) fail_to_join(Threads::value_type::kKind.what);
  }
}

}  // namespace netstall
