// How long each message of a connection is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "loadgen/messages.hpp"
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

// Sizes of requests and responses, which both ends of an exchange know without being
// told: each connection of a flow group has the same ones in the same order.
class ExchangeSizes {
 public:
  explicit ExchangeSizes(const FlowTask& task)
      : requests_(task.payload),
        responses_(task.response),
        request_stream_(stream_of(task.exchange_seed, Draw::size, task.flow, 0)),
        response_stream_(stream_of(task.exchange_seed, Draw::response, task.flow, 0)) {}

  // Bytes of request `n` of a connection, and of its response.
  std::size_t request(std::uint64_t n) const noexcept { return requests_.of(request_stream_, n); }
  std::size_t response(std::uint64_t n) const noexcept {
    return responses_.of(response_stream_, n);
  }

 private:
  MessageSizes requests_;
  MessageSizes responses_;
  std::uint64_t request_stream_;
  std::uint64_t response_stream_;
};

}  // namespace netstall
