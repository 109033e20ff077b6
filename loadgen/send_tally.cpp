#include "loadgen/send_tally.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace netstall {

void merge(SendTally& tally, const SendTally& other) {
  tally.messages += other.messages;
  tally.send_call.merge(other.send_call);
  tally.send_latency.merge(other.send_latency);
  merge(tally.stalls, other.stalls);
}

SharedTally::SharedTally(std::size_t threads) {
  const std::size_t cpus = std::max(1U, std::thread::hardware_concurrency());
  const auto count = std::clamp<std::size_t>(threads, 1, cpus);
  for (std::size_t i = 0; i < count; ++i) {
    auto& tally = shards_.emplace_back(std::make_unique<Shard>())->tally;
    tally.send_call.reserve();
    tally.send_latency.reserve();
    tally.stalls.duration.reserve();
  }
}

SharedTally::Shard& SharedTally::lock() noexcept {
  const auto own = static_cast<std::size_t>(std::max(0, ::sched_getcpu()));
  for (;;) {
    for (std::size_t i = 0; i < shards_.size(); ++i) {
      Shard& shard = *shards_[(own + i) % shards_.size()];
      if (!shard.busy.exchange(true, std::memory_order_acquire)) return shard;
    }
    // All holders are preempted: not a voluntary switch, so no wait is made up.
    ::sched_yield();
  }
}

SendTally SharedTally::collect() {
  SendTally sum;
  for (auto& shard : shards_) {
    while (shard->busy.exchange(true, std::memory_order_acquire)) ::sched_yield();
    merge(sum, shard->tally);
    shard->collected = true;
    shard->busy.store(false, std::memory_order_release);
  }
  return sum;
}

}  // namespace netstall
