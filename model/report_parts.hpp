// Parts of a report that not every reader needs: histograms are its bulk.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace netstall {

enum class ReportPart : std::uint8_t {
  waits,            // durations of single waits
  cause_durations,  // of the stalls of each cause
  send_call,
  send_latency,
  acked_latency,
  kernel_acked_latency,
  delivery_latency,
  connect,
  buffers,  // final sizes
  kernel,   // counters
  series,
  whole_stalls,  // those of all flows together
  expectations
};

class ReportParts {
 public:
  constexpr ReportParts() = default;
  constexpr ReportParts(std::initializer_list<ReportPart> parts) {
    for (const auto part : parts) bits_ |= bit(part);
  }
  static constexpr ReportParts all() {
    ReportParts parts;
    parts.bits_ = ~std::uint32_t{0};
    return parts;
  }
  constexpr bool has(ReportPart part) const { return (bits_ & bit(part)) != 0; }
  constexpr ReportParts& operator|=(ReportParts other) {
    bits_ |= other.bits_;
    return *this;
  }

 private:
  static constexpr std::uint32_t bit(ReportPart part) {
    return std::uint32_t{1} << static_cast<unsigned>(part);
  }
  std::uint32_t bits_ = 0;
};

}  // namespace netstall
