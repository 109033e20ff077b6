// Counts that many threads add to, and that one sums up at the end.
#pragma once

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace netstall {

// One Tally a CPU, each behind a spin lock: a thread takes its CPU's, or, where a
// preempted thread holds that, the next free one. A histogram a thread would cost
// 100 KB and three mappings each, one for all would be fought over. Of a Tally there are
// reserve(Tally&), which makes room so that nothing is allocated later, and
// merge(Tally&, const Tally&).
template <class Tally>
class Sharded {
 public:
  // At most `threads` of them are ever needed.
  explicit Sharded(std::size_t threads) {
    const std::size_t cpus = std::max(1U, std::thread::hardware_concurrency());
    const auto count = std::clamp<std::size_t>(threads, 1, cpus);
    for (std::size_t i = 0; i < count; ++i) {
      reserve(shards_.emplace_back(std::make_unique<Shard>())->tally);
    }
  }

  // Calls add(Tally&) alone; from any thread. Does nothing after collect().
  template <class Add>
  void record(Add&& add) noexcept {
    Shard& shard = lock();
    if (!shard.collected) add(shard.tally);
    shard.busy.store(false, std::memory_order_release);
  }

  // Calls look(const Tally&) with each, alone.
  template <class Look>
  void for_each(Look&& look) const {
    for (const auto& shard : shards_) {
      while (shard->busy.exchange(true, std::memory_order_acquire)) ::sched_yield();
      look(std::as_const(shard->tally));
      shard->busy.store(false, std::memory_order_release);
    }
  }

  // The sum; what comes later is not counted.
  Tally collect() {
    Tally sum;
    for (auto& shard : shards_) {
      while (shard->busy.exchange(true, std::memory_order_acquire)) ::sched_yield();
      merge(sum, shard->tally);
      shard->collected = true;
      shard->busy.store(false, std::memory_order_release);
    }
    return sum;
  }

 private:
  struct alignas(64) Shard {
    std::atomic<bool> busy = false;
    bool collected = false;
    Tally tally;
  };

  Shard& lock() noexcept {
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

  std::vector<std::unique_ptr<Shard>> shards_;
};

}  // namespace netstall
