// What is counted of the sending end within the window.
#pragma once

#include <cstdint>
#include <map>

#include "loadgen/own_clock.hpp"
#include "loadgen/sharded.hpp"

namespace netstall {

struct SendTally {
  std::uint64_t messages = 0;
  Histogram send_call;
  Histogram send_latency;
  OwnStalls stalls;
  std::map<int, std::uint64_t> spared;  // errno → datagrams that it took, since traffic began
  ZerocopyCounts zerocopy;
};

void add(ZerocopyCounts& counts, const ZerocopyCounts& more) noexcept;
void merge(SendTally& tally, const SendTally& other);
void reserve(SendTally& tally);

using SharedTally = Sharded<SendTally>;

}  // namespace netstall
