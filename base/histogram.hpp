// An HdrHistogram: counts events by value with a relative error of at most 0.1 %
// from 1 to 3.6e12 (an hour in ns), in fixed memory and a few ns an event. The
// unit is the user's; reports hold ns or bytes. Slots are laid out as in
// hdr_layout.h, so that an array which a BPF program filled can be added.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/hdr_layout.h"

namespace netstall {

// Not thread-safe; const members may run together. A new, reset or moved-from
// histogram is empty. The counts are one mapping of 264 KiB, taken by the first
// recording (or by reserve()) and kept until destruction; the kernel backs only
// the pages that recorded values touch, so an empty histogram costs 40 bytes and
// one of a narrow range a few KiB. The program keeps up to 1,024 mappings of destroyed
// histograms, cleared, for the next ones: readers of reports make and drop
// thousands.
class Histogram {
 public:
  static constexpr std::uint64_t kHighestTrackable = NETSTALL_HDR_HIGHEST_TRACKABLE;
  static constexpr std::size_t kSlots = NETSTALL_HDR_SLOTS;

  Histogram() noexcept = default;
  Histogram(const Histogram& other);
  Histogram(Histogram&& other) noexcept;
  Histogram& operator=(const Histogram& other);
  Histogram& operator=(Histogram&& other) noexcept;
  ~Histogram() {
    if (counts_ != nullptr) give_back();
  }

  // Maps the counts now, so that no recording has to. Throws std::bad_alloc.
  void reserve();

  // Counts one event, or `count` events of the same value. A value above
  // kHighestTrackable counts as that, and in saturated(). The first call on a
  // histogram without reserve() may throw std::bad_alloc; the second form throws
  // Error where the total would pass 2^63 - 1.
  void record(std::uint64_t value);
  void record(std::uint64_t value, std::uint64_t count);

  // Adds the events of one slot of an array laid out by hdr_layout.h whose values
  // were in multiples of `unit` of this histogram's unit (1000: an array of us
  // added to a histogram of ns). They count at the middle of the slot; min and
  // max become at worst the slot's bounds. Throws Error where index >= kSlots,
  // unit is 0 or above a million, or the total would pass 2^63 - 1.
  void add_slot(std::size_t index, std::uint64_t count, std::uint64_t unit = 1);

  // Adds all events of another histogram (itself too). Throws Error, and changes
  // nothing, where the total would pass 2^63 - 1.
  void merge(const Histogram& other);

  void reset() noexcept;

  bool empty() const noexcept { return count_ == 0; }
  std::uint64_t count() const noexcept { return count_; }
  // Events whose value was above kHighestTrackable.
  std::uint64_t saturated() const noexcept { return saturated_; }

  // The smallest and largest value recorded: exact after record(), the slot's
  // bounds after add_slot() and decode(). Nothing for an empty histogram.
  std::optional<std::uint64_t> min() const noexcept;
  std::optional<std::uint64_t> max() const noexcept;
  // From the middle of each slot (within 0.05 %), as every reader of the encoded
  // form computes them.
  std::optional<double> mean() const noexcept;
  double sum() const noexcept;

  // The value that `percent` (0 to 100, beyond is cut) of all events do not
  // exceed: the highest value of its slot, but never outside min() and max().
  // Nothing for an empty histogram.
  std::optional<std::uint64_t> percentile(double percent) const noexcept;
  // Nothing, too, where fewer than ten events lie beyond the percentile: it would
  // tell of single events, not of the distribution.
  std::optional<std::uint64_t> percentile_if_resolved(double percent) const noexcept;
  // The value of the event number `rank` (1 to count()) in rising order, as
  // percentile() gives it; nothing where there is no such event.
  std::optional<std::uint64_t> value_at_rank(std::uint64_t rank) const noexcept;

  // Events in the slot of this value.
  std::uint64_t count_at(std::uint64_t value) const noexcept;
  // Events in slots above that of this value.
  std::uint64_t count_above(std::uint64_t value) const noexcept;

  // One slot that holds events: values from lowest to highest, both included.
  struct Slot {
    std::size_t index;
    std::uint64_t lowest;
    std::uint64_t highest;
    std::uint64_t count;
  };
  // Calls visit(Slot) for each slot that holds events, in rising order.
  template <class Visit>
  void for_each_slot(Visit&& visit) const;

  // Same count in every slot: what encode() keeps. Exact min and max and
  // saturated() do not matter.
  friend bool operator==(const Histogram& left, const Histogram& right) noexcept;

  // HdrHistogram V2, deflated, base64: what HdrHistogram's readers take. Throws
  // Error where zlib has no memory.
  std::string encode() const;
  // Reads it back, from whatever source: throws Error for text that is not such a
  // histogram, has other digits than 3, another unit than 1, or does not fit;
  // takes bounded memory and time. min() and max() are then the slots' bounds and
  // saturated() what lay in slots above kHighestTrackable.
  static Histogram decode(std::string_view text);

  // Puts back what the encoded form lost and was kept beside it. Throws Error
  // where these bounds cannot belong to the counts.
  void restore_bounds(std::uint64_t min, std::uint64_t max, std::uint64_t saturated);

 private:
  static constexpr std::uint64_t kNoMin = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t kTogether = 8;  // slots, where walks go several at a time

  // All events lie within these two slots. Only where not empty.
  std::size_t first_index() const noexcept { return netstall_hdr_index_of(min_); }
  std::size_t last_index() const noexcept { return netstall_hdr_index_of(max_); }
  // Calls visit(index, count) for each slot that holds events, in rising order.
  template <class Visit>
  void for_each_used(Visit&& visit) const;
  void expect_room_for(std::uint64_t count) const;
  void add_counts(const Histogram& other) noexcept;
  // Fills an empty histogram in rising order; its maximum is the range's until somebody
  // sets it.
  void put_slot(std::size_t index, std::uint64_t count);
  // What decode() found inflated.
  static Histogram from_plain(std::span<const unsigned char> plain);
  void give_back() noexcept;
  std::uint64_t rank_of(double percent) const noexcept;

  std::uint64_t* counts_ = nullptr;  // kSlots of them, owned
  std::uint64_t count_ = 0;
  std::uint64_t saturated_ = 0;
  std::uint64_t min_ = kNoMin;
  std::uint64_t max_ = 0;
};

inline void Histogram::record(std::uint64_t value) {
  if (counts_ == nullptr) [[unlikely]] {
    reserve();
  }
  if (value > kHighestTrackable) [[unlikely]] {
    value = kHighestTrackable;
    ++saturated_;
  }
  ++counts_[netstall_hdr_index_of(value)];
  ++count_;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

template <class Visit>
void Histogram::for_each_used(Visit&& visit) const {
  if (empty()) return;
  // Most slots of a range are empty: eight are passed at a time.
  std::size_t index = first_index();
  const std::size_t end = last_index() + 1;
  while (index < end) {
    if (end - index >= kTogether) {
      std::uint64_t any = 0;
      for (std::size_t i = 0; i < kTogether; ++i) any |= counts_[index + i];
      if (any == 0) {
        index += kTogether;
        continue;
      }
    }
    const std::size_t stop = std::min(index + kTogether, end);
    for (; index < stop; ++index) {
      if (counts_[index] != 0) visit(index, counts_[index]);
    }
  }
}

template <class Visit>
void Histogram::for_each_slot(Visit&& visit) const {
  for_each_used([&](std::size_t index, std::uint64_t count) {
    visit(Slot{index, netstall_hdr_lowest_of_index(index), netstall_hdr_highest_of_index(index),
               count});
  });
}

}  // namespace netstall
