#include "loadgen/traffic_thread.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/error.hpp"
#include "loadgen/futex.hpp"

namespace netstall {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::size_t kStackBytes = std::size_t{512} << 10;
#else
constexpr std::size_t kStackBytes = std::size_t{64} << 10;
#endif

bool join_within(pthread_t thread, Nanoseconds left) noexcept {
#ifdef __SANITIZE_THREAD__
  // It knows of no other that has a deadline, and would take all the thread did for a race.
  timespec time{};
  ::clock_gettime(CLOCK_REALTIME, &time);
  time.tv_sec += left.count() / 1'000'000'000 + 1;
  return ::pthread_timedjoin_np(thread, nullptr, &time) == 0;
#else
  const auto until = mono_now() + left;
  const timespec time{until.ns / 1'000'000'000, until.ns % 1'000'000'000};
  return ::pthread_clockjoin_np(thread, nullptr, CLOCK_MONOTONIC, &time) == 0;
#endif
}

}  // namespace

void TrafficThread::begin() {
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStackBytes);
  const int error = ::pthread_create(&thread_, &attributes, &TrafficThread::main, this);
  ::pthread_attr_destroy(&attributes);
  if (error != 0) {
    throw_errno(fmt::format("start {}", kind_.what), error,
                "fewer blocking connections, or a higher limit of processes (ulimit -u, "
                "kernel.pid_max, vm.max_map_count)");
  }
  begun_ = true;
  ::pthread_getcpuclockid(thread_, &cpu_clock_);
}

void* TrafficThread::main(void* self) {
  auto& thread = *static_cast<TrafficThread*>(self);
  ::prctl(PR_SET_NAME, thread.kind_.name);
  thread.run();
  return nullptr;
}

void TrafficThread::command(Command command) noexcept {
  command_.store(command, std::memory_order_release);
  futex_wake(command_);
}

void TrafficThread::stop() noexcept {
  command(kStop);
  if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
}

bool TrafficThread::join(const Deadline& deadline) noexcept {
  if (begun_ && !join_within(thread_, deadline.left())) return false;
  begun_ = false;
  socket_.reset();
  return true;
}

void TrafficThread::await_go() noexcept {
  tid_.store(::gettid(), std::memory_order_release);
  while (command_.load(std::memory_order_acquire) == kWait) futex_wait(command_, kWait);
}

bool TrafficThread::pause_until(std::int64_t due_ns) noexcept {
  while (!stopping() && mono_now().ns < due_ns) futex_wait_until(command_, kGo, due_ns);
  return !stopping();
}

void fail_to_begin(std::string_view what) {
  throw Error(ErrorKind::failed, fmt::format("start {}", what), "it does not get to run");
}

void fail_to_join(std::string_view what) {
  throw Error(ErrorKind::failed, fmt::format("end {}", what), "it does not end");
}

bool await_ready(const TrafficThread& thread, const Deadline& deadline) noexcept {
  while (!thread.ready()) {
    if (deadline.passed()) return false;
    ::sched_yield();
  }
  return true;
}

}  // namespace netstall
