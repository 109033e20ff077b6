// Finds out where each blocking sender stands at the edges of the window.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <thread>
#include <vector>

#include "loadgen/blocking_senders.hpp"
#include "loadgen/edge_state.hpp"

namespace netstall {

// A thread of its own, so that a busy reactor does not blur the edges. From a little
// before an edge until it has looked at all senders it logs their switches, from
// which it is known exactly what began and ended before the edge, however late the
// look is. Where the kernel gives no log it looks before and after: exact for
// senders that slept through both looks, the others are counted as unsure.
//
// What an edge cuts is accounted for here, be it in progress or over by then.
// Make it once the senders have started, finish() before their collect(); they
// outlive it.
class EdgeWatch {
 public:
  EdgeWatch(const std::vector<BlockingSenders*>& watched, const Window& window);
  EdgeWatch(const EdgeWatch&) = delete;
  EdgeWatch& operator=(const EdgeWatch&) = delete;
  // Before the window's end, too.
  ~EdgeWatch();

  // Waits until all that the edges cut is accounted for.
  void finish();

 private:
  struct Look;
  struct Watched;
  void run();
  // False where it is to end.
  bool sleep_until(std::int64_t at_ns);
  bool spin_until(std::int64_t at_ns);
  // Opens the logs, and looks before the edge at threads without one; false where
  // there are such.
  bool approach(std::size_t edge);
  void look_at(std::size_t edge);
  void look_closely(std::size_t edge);
  // For senders that are still in the send() that they were seen in.
  void tell_senders(Watched& watched);
  void count_open(Watched& watched);
  // For those that were back.
  void count_cut(Watched& watched);

  std::vector<Watched> watched_;
  Window window_;
  ThreadLooker looker_;
  std::atomic<std::uint32_t> ending_ = 0;
  std::thread thread_;
};

}  // namespace netstall
