#include "loadgen/send_tally.hpp"

namespace netstall {

void add(ZerocopyCounts& counts, const ZerocopyCounts& more) noexcept {
  counts.sends += more.sends;
  counts.refused += more.refused;
  counts.completed += more.completed;
  counts.copied += more.copied;
}

void merge(SendTally& tally, const SendTally& other) {
  tally.messages += other.messages;
  tally.send_call.merge(other.send_call);
  tally.send_latency.merge(other.send_latency);
  merge(tally.stalls, other.stalls);
  for (const auto& [error_number, count] : other.spared) tally.spared[error_number] += count;
  add(tally.zerocopy, other.zerocopy);
}

void reserve(SendTally& tally) {
  tally.send_call.reserve();
  tally.send_latency.reserve();
  tally.stalls.duration.reserve();
}

}  // namespace netstall
