// One thread that reads one blocking socket, and what all of a task count together.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/fd.hpp"
#include "base/histogram.hpp"
#include "loadgen/message_mark.hpp"
#include "loadgen/sharded.hpp"
#include "loadgen/traffic_thread.hpp"
#include "loadgen/window.hpp"

namespace netstall {

// Within the window.
struct ReadTally {
  std::uint64_t bytes = 0;
  Histogram delivery;
};
void merge(ReadTally& tally, const ReadTally& other);
void reserve(ReadTally& tally);

// What all threads of a task share. Written before they are let go, then constant, but for
// the tally.
struct ReaderPlan {
  std::uint64_t read_bytes = 0;  // asked of one recv()
  bool tries_in_vain = false;    // without waiting first, after what was less than that
  std::int64_t traffic_from = 0;
  Window window;
  std::unique_ptr<Sharded<ReadTally>> tally;
};

// Reads, once it is let go, until the connection ends or stop(). The plan
// outlives it.
class ReaderThread final : public TrafficThread {
 public:
  static constexpr Kind kKind{"a reader's thread", "netstall-recv"};

  ReaderThread(const ReaderPlan& plan, Fd socket);

  // Throws Error where no thread can be made.
  void begin();

  // What ended it: an errno, or one of these; 0 while nothing has.
  static constexpr int kEof = -1;
  static constexpr int kGarbled = -2;
  int error() const noexcept { return error_.load(std::memory_order_relaxed); }

 private:
  void run() override;
  ssize_t receive(bool in_vain) noexcept;
  // False where these are not the bytes of marked messages.
  bool take(std::size_t bytes) noexcept;

  const ReaderPlan& plan_;
  MarkReader messages_;
  std::unique_ptr<char[]> buffer_;
  std::atomic<int> error_ = 0;
};

}  // namespace netstall
