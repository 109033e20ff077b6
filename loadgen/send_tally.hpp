// What is counted of the sending end within the window, and a form of it that many
// threads can add to.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "loadgen/own_clock.hpp"

namespace netstall {

struct SendTally {
  std::uint64_t messages = 0;
  Histogram send_call;
  Histogram send_latency;
  OwnStalls stalls;
};

void merge(SendTally& tally, const SendTally& other);

// One tally a CPU, each behind a spin lock: a thread takes its CPU's, or, where a
// preempted thread holds that, the next free one. A histogram a thread would cost
// 100 KB and three mappings each, one for all would be fought over.
class SharedTally {
 public:
  // At most `threads` of them are ever needed.
  explicit SharedTally(std::size_t threads);

  // Calls add(SendTally&) alone; from any thread. Does nothing after collect().
  template <class Add>
  void record(Add&& add) noexcept {
    Shard& shard = lock();
    if (!shard.collected) add(shard.tally);
    shard.busy.store(false, std::memory_order_release);
  }

  // The sum; what comes later is not counted.
  SendTally collect();

 private:
  struct alignas(64) Shard {
    std::atomic<bool> busy = false;
    bool collected = false;
    SendTally tally;
  };
  Shard& lock() noexcept;

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace netstall
