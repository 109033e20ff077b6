// Asio, as this room uses it: one io_context on one thread, without locks, and
// types with a plain executor (half the size of the polymorphic default).
#pragma once

#include <asio/basic_socket_acceptor.hpp>
#include <asio/basic_stream_socket.hpp>
#include <asio/basic_waitable_timer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>

namespace netstall {

// Whether Asio waits, and sends, by io_uring: it is compiled in, so programs differ in it.
#if defined(ASIO_HAS_IO_URING_AS_DEFAULT)
constexpr bool kRing = true;
#else
constexpr bool kRing = false;
#endif

using Executor = asio::io_context::executor_type;
using TcpSocket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using TcpAcceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;
// Asio's steady clock is CLOCK_MONOTONIC, and its epoll reactor waits by timerfd.
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

inline Timer::time_point time_point_of(std::int64_t mono_ns) {
  return Timer::time_point(std::chrono::nanoseconds(mono_ns));
}

// Room for the one operation that a connection has under way. Asio's recycling
// allocator keeps a few blocks a thread; a thousand connections that turn
// unwritable at once would each go to malloc. An operation of io_uring holds all that the
// kernel reads from while it is under way.
class OpMemory {
 public:
  void* allocate(std::size_t size) {
    if (used_ || size > sizeof bytes_) return ::operator new(size);
    used_ = true;
    return bytes_;
  }
  void deallocate(void* pointer) noexcept {
    if (pointer == static_cast<void*>(bytes_)) {
      used_ = false;
    } else {
      ::operator delete(pointer);
    }
  }

 private:
  alignas(std::max_align_t) std::byte bytes_[kRing ? 320 : 152];
  bool used_ = false;
};

// The allocator to associate with a handler, so that its operation lives there.
template <class T>
class OpAllocator {
 public:
  using value_type = T;
  explicit OpAllocator(OpMemory& memory) noexcept : memory_(&memory) {}
  template <class U>
  OpAllocator(const OpAllocator<U>& other) noexcept  // NOLINT(google-explicit-constructor)
      : memory_(other.memory_) {}
  T* allocate(std::size_t count) { return static_cast<T*>(memory_->allocate(count * sizeof(T))); }
  void deallocate(T* pointer, std::size_t) noexcept { memory_->deallocate(pointer); }
  template <class U>
  friend bool operator==(const OpAllocator& left, const OpAllocator<U>& right) noexcept {
    return left.memory_ == right.memory_;
  }

 private:
  template <class>
  friend class OpAllocator;
  OpMemory* memory_;
};

}  // namespace netstall
