// How long each message of a connection is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loadgen/seeded.hpp"
#include "model/size_distribution.hpp"

namespace netstall {

// Constant once made; may be used from many threads, and allocates nothing then.
class MessageSizes {
 public:
  explicit MessageSizes(const PayloadSpec& payload) : distribution_(payload) {
    for (const auto size : payload.sequence) sequence_.push_back(size.count);
  }

  // Bytes of message `n` of the connection whose numbers `stream` gives.
  std::size_t of(std::uint64_t stream, std::uint64_t n) const noexcept {
    if (distribution_.constant()) return distribution_.largest();
    if (sequence_.empty()) return distribution_.at(unit_of(stream, n));
    // A connection begins anywhere in it, so that not all have the same size at once.
    return sequence_[(stream % sequence_.size() + n) % sequence_.size()];
  }
  std::size_t largest() const noexcept { return distribution_.largest(); }

 private:
  SizeDistribution distribution_;
  std::vector<std::uint64_t> sequence_;
};

}  // namespace netstall
