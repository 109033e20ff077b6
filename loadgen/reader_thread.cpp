#include "loadgen/reader_thread.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "base/clock.hpp"

namespace netstall {

void merge(ReadTally& tally, const ReadTally& other) {
  tally.bytes += other.bytes;
  tally.delivery.merge(other.delivery);
}

void reserve(ReadTally& tally) {
  tally.delivery.reserve();
}

ReaderThread::ReaderThread(const ReaderPlan& plan, Fd socket)
    : TrafficThread(kKind, std::move(socket)), plan_(plan) {}

void ReaderThread::begin() {
  // Never read before recv() has written it.
  buffer_ = std::make_unique_for_overwrite<char[]>(plan_.read_bytes);
  TrafficThread::begin();
}

void ReaderThread::run() {
  await_go();
  if (!pause_until(plan_.traffic_from)) return;
  bool in_vain = false;
  while (!stopping()) {
    const auto got = receive(in_vain);
    if (got < 0 && errno == EINTR) continue;
    const int error_number = got < 0 ? errno : kEof;
    if (got <= 0) {
      // What stop() itself brings about is no error.
      if (!stopping()) error_.store(error_number, std::memory_order_relaxed);
      return;
    }
    const auto bytes = static_cast<std::size_t>(got);
    if (!take(bytes)) {
      error_.store(kGarbled, std::memory_order_relaxed);
      ::shutdown(fd(), SHUT_RDWR);
      return;
    }
    in_vain = plan_.tries_in_vain && bytes < plan_.read_bytes;
  }
}

ssize_t ReaderThread::receive(bool in_vain) noexcept {
  if (in_vain) {
    const auto got = ::recv(fd(), buffer_.get(), plan_.read_bytes, MSG_DONTWAIT);
    if (got >= 0 || errno != EAGAIN) return got;
  }
  return ::recv(fd(), buffer_.get(), plan_.read_bytes, 0);
}

bool ReaderThread::take(std::size_t bytes) noexcept {
  bool good = true;
  // The clock is read behind the lock: who collects after the window's end waits for all that
  // were read before it.
  plan_.tally->record([&](ReadTally& tally) {
    const auto now = mono_now().ns;
    const bool counts = plan_.window.contains(now);
    if (counts) tally.bytes += bytes;
    const auto taken = now - plan_.traffic_from;
    good = messages_.take({buffer_.get(), bytes}, [&](std::int64_t due) {
      if (!counts || due == kUnknownDue) return;
      tally.delivery.record(static_cast<std::uint64_t>(std::max<std::int64_t>(taken - due, 0)));
    });
  });
  return good;
}

}  // namespace netstall
