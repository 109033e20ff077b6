#include "base/histogram.hpp"

#include <sys/mman.h>

#include <array>
#include <cmath>
#include <cstring>
#include <mutex>
#include <new>
#include <numeric>
#include <type_traits>
#include <utility>

#include "base/error.hpp"

namespace netstall {
namespace {

constexpr std::size_t kMappingBytes = Histogram::kSlots * sizeof(std::uint64_t);
// What the encoded form can hold, and what other readers take for a sum.
constexpr std::uint64_t kHighestCount = std::numeric_limits<std::int64_t>::max();
constexpr std::uint64_t kHighestUnit = 1'000'000;
constexpr std::size_t kLastTrackable = netstall_hdr_index_of(Histogram::kHighestTrackable);
constexpr std::size_t kSpares = 1024;
constexpr std::uint64_t kEventsThatResolve = 10;

static_assert((NETSTALL_HDR_BUCKETS + 1) * NETSTALL_HDR_HALF_COUNT == NETSTALL_HDR_SLOTS);
// The highest slot in the unit of add_slot() must not overflow.
static_assert(netstall_hdr_highest_of_index(Histogram::kSlots - 1) <
              std::numeric_limits<std::uint64_t>::max() / kHighestUnit);

// Cleared mappings of destroyed histograms. Trivially destroyed, as a static histogram
// may outlive everything.
class Spares {
 public:
  std::uint64_t* take() noexcept {
    const std::lock_guard lock(mutex_);
    return held_ == 0 ? nullptr : kept_[--held_];
  }
  bool has_room() noexcept {
    const std::lock_guard lock(mutex_);
    return held_ < kept_.size();
  }
  // False where there is no room (any more).
  bool keep(std::uint64_t* counts) noexcept {
    const std::lock_guard lock(mutex_);
    if (held_ == kept_.size()) return false;
    kept_[held_++] = counts;
    return true;
  }

 private:
  std::mutex mutex_;
  std::array<std::uint64_t*, kSpares> kept_{};
  std::size_t held_ = 0;
};
static_assert(std::is_trivially_destructible_v<Spares>);
Spares spares;

[[noreturn]] void refuse(std::string_view operation, std::string_view cause) {
  throw Error(ErrorKind::usage, operation, cause);
}

}  // namespace

// An own mapping, not calloc: the allocator raises its threshold for mappings
// once one is freed, and then clears recycled memory by touching all of it.
void Histogram::reserve() {
  if (counts_ != nullptr) return;
  counts_ = spares.take();
  if (counts_ != nullptr) return;
  void* memory = ::mmap(nullptr, kMappingBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  // Neighbouring mappings merge; a huge page would back several whole histograms
  // for one touched slot. A kernel without huge pages refuses, which is as good.
  ::madvise(memory, kMappingBytes, MADV_NOHUGEPAGE);
  counts_ = static_cast<std::uint64_t*>(memory);
}

void Histogram::give_back() noexcept {
  if (spares.has_room()) {
    reset();
    if (spares.keep(counts_)) return;
  }
  ::munmap(counts_, kMappingBytes);
}

Histogram::Histogram(const Histogram& other) {
  merge(other);
}

Histogram::Histogram(Histogram&& other) noexcept
    : counts_(std::exchange(other.counts_, nullptr)),
      count_(std::exchange(other.count_, 0)),
      saturated_(std::exchange(other.saturated_, 0)),
      min_(std::exchange(other.min_, kNoMin)),
      max_(std::exchange(other.max_, 0)) {}

Histogram& Histogram::operator=(const Histogram& other) {
  if (this != &other) {
    reset();
    merge(other);
  }
  return *this;
}

Histogram& Histogram::operator=(Histogram&& other) noexcept {
  Histogram taken(std::move(other));
  std::swap(counts_, taken.counts_);
  std::swap(count_, taken.count_);
  std::swap(saturated_, taken.saturated_);
  std::swap(min_, taken.min_);
  std::swap(max_, taken.max_);
  return *this;
}

void Histogram::expect_room_for(std::uint64_t count) const {
  if (count > kHighestCount - count_) {
    refuse("add to a histogram", "it would hold more than 2^63 - 1 events");
  }
}

void Histogram::record(std::uint64_t value, std::uint64_t count) {
  if (count == 0) return;
  expect_room_for(count);
  reserve();
  if (value > kHighestTrackable) {
    value = kHighestTrackable;
    saturated_ += count;
  }
  counts_[netstall_hdr_index_of(value)] += count;
  count_ += count;
  min_ = std::min(min_, value);
  max_ = std::max(max_, value);
}

void Histogram::add_slot(std::size_t index, std::uint64_t count, std::uint64_t unit) {
  if (index >= kSlots) refuse("add a slot to a histogram", "there is no such slot");
  if (unit == 0 || unit > kHighestUnit) refuse("add a slot to a histogram", "bad unit");
  if (count == 0) return;
  if (unit == 1 && index <= kLastTrackable) {
    expect_room_for(count);
    reserve();
    counts_[index] += count;
    count_ += count;
    min_ = std::min<std::uint64_t>(min_, netstall_hdr_lowest_of_index(index));
    max_ = std::max<std::uint64_t>(
        max_, std::min<std::uint64_t>(netstall_hdr_highest_of_index(index), kHighestTrackable));
    return;
  }
  const std::uint64_t lowest = netstall_hdr_lowest_of_index(index) * unit;
  const std::uint64_t highest = (netstall_hdr_highest_of_index(index) + 1) * unit - 1;
  std::uint64_t middle = lowest + (highest - lowest + 1) / 2;
  // The slot of kHighestTrackable reaches beyond it; its events did not.
  if (lowest <= kHighestTrackable) middle = std::min(middle, kHighestTrackable);
  record(middle, count);
  min_ = std::min(min_, lowest);
  max_ = std::max(max_, std::min(highest, kHighestTrackable));
}

void Histogram::put_slot(std::size_t index, std::uint64_t count) {
  if (index > kLastTrackable) return add_slot(index, count);
  expect_room_for(count);
  if (empty()) {
    reserve();
    min_ = netstall_hdr_lowest_of_index(index);
    max_ = kHighestTrackable;
  }
  counts_[index] = count;
  count_ += count;
}

void Histogram::merge(const Histogram& other) {
  if (other.empty()) return;
  expect_room_for(other.count_);
  reserve();
  add_counts(other);
  count_ += other.count_;
  saturated_ += other.saturated_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

// Eight at a time, which the compiler turns into vectors, and only where one of them holds
// events: sums of nothing would write, and so back, every page of the range.
void Histogram::add_counts(const Histogram& other) noexcept {
  std::size_t index = other.first_index();
  const std::size_t end = other.last_index() + 1;
  for (; index + kTogether <= end; index += kTogether) {
    std::array<std::uint64_t, kTogether> more{};
    std::memcpy(more.data(), &other.counts_[index], sizeof more);
    std::uint64_t any = 0;
    for (const auto count : more) any |= count;
    if (any == 0) continue;
    auto* sums = &counts_[index];
    for (std::size_t i = 0; i < kTogether; ++i) sums[i] += more[i];
  }
  for (; index < end; ++index) {
    if (other.counts_[index] != 0) counts_[index] += other.counts_[index];
  }
}

void Histogram::reset() noexcept {
  if (!empty()) {
    const std::size_t first = first_index();
    std::memset(&counts_[first], 0, (last_index() + 1 - first) * sizeof counts_[0]);
  }
  count_ = 0;
  saturated_ = 0;
  min_ = kNoMin;
  max_ = 0;
}

std::optional<std::uint64_t> Histogram::min() const noexcept {
  return empty() ? std::nullopt : std::optional(min_);
}

std::optional<std::uint64_t> Histogram::max() const noexcept {
  return empty() ? std::nullopt : std::optional(max_);
}

double Histogram::sum() const noexcept {
  double sum = 0;
  for_each_slot([&](const Slot& slot) {
    sum += static_cast<double>(netstall_hdr_median_of_index(slot.index)) *
           static_cast<double>(slot.count);
  });
  return sum;
}

std::optional<double> Histogram::mean() const noexcept {
  if (empty()) return std::nullopt;
  // The middle of a slot can lie beyond the only values that it holds.
  return std::clamp(sum() / static_cast<double>(count_), static_cast<double>(min_),
                    static_cast<double>(max_));
}

// The sum may come out one unit in the last place above a whole number of events
// and must not be rounded up to the next. As HdrHistogram has it.
std::uint64_t Histogram::rank_of(double percent) const noexcept {
  if (!(percent > 0)) return 1;
  if (percent >= 100) return count_;
  const double events = percent / 100.0 * static_cast<double>(count_);
  const double ulp = std::nextafter(events, std::numeric_limits<double>::infinity()) - events;
  const double rank = std::ceil(events - ulp);
  if (rank >= static_cast<double>(count_)) return count_;
  return rank < 1 ? 1 : static_cast<std::uint64_t>(rank);
}

std::optional<std::uint64_t> Histogram::percentile(double percent) const noexcept {
  if (!(percent > 0)) return min();
  return value_at_rank(rank_of(percent));
}

std::optional<std::uint64_t> Histogram::percentile_if_resolved(double percent) const noexcept {
  if (empty() || count_ - rank_of(percent) < kEventsThatResolve) return std::nullopt;
  return percentile(percent);
}

std::optional<std::uint64_t> Histogram::value_at_rank(std::uint64_t rank) const noexcept {
  if (rank == 0 || rank > count_) return std::nullopt;
  std::uint64_t seen = 0;
  std::size_t index = first_index();
  while (index + kTogether <= kSlots) {
    const auto* together = &counts_[index];
    const std::uint64_t events = std::accumulate(together, together + kTogether, std::uint64_t{0});
    if (seen + events >= rank) break;
    seen += events;
    index += kTogether;
  }
  while ((seen += counts_[index]) < rank) ++index;
  return std::clamp<std::uint64_t>(netstall_hdr_highest_of_index(index), min_, max_);
}

std::uint64_t Histogram::count_at(std::uint64_t value) const noexcept {
  return empty() ? 0 : counts_[netstall_hdr_index_of(value)];
}

std::uint64_t Histogram::count_above(std::uint64_t value) const noexcept {
  if (empty()) return 0;
  std::uint64_t above = 0;
  const std::size_t last = last_index();
  const std::size_t first = std::max<std::size_t>(netstall_hdr_index_of(value) + 1, first_index());
  for (std::size_t index = first; index <= last; ++index) above += counts_[index];
  return above;
}

bool operator==(const Histogram& left, const Histogram& right) noexcept {
  if (left.count_ != right.count_) return false;
  if (left.empty()) return true;
  const std::size_t first = std::min(left.first_index(), right.first_index());
  const std::size_t last = std::max(left.last_index(), right.last_index());
  return std::equal(&left.counts_[first], &left.counts_[last] + 1, &right.counts_[first]);
}

void Histogram::restore_bounds(std::uint64_t min, std::uint64_t max, std::uint64_t saturated) {
  const auto belong = [&] {
    if (empty() || min > max || max > kHighestTrackable) return false;
    // min() and max() may lie in an empty slot beside.
    std::size_t first = first_index();
    while (counts_[first] == 0) ++first;
    std::size_t last = last_index();
    while (counts_[last] == 0) --last;
    return min <= netstall_hdr_highest_of_index(first) &&
           max >= netstall_hdr_lowest_of_index(last) && saturated <= count_at(kHighestTrackable);
  };
  if (!belong()) refuse("restore the bounds of a histogram", "they do not belong to its counts");
  min_ = min;
  max_ = max;
  saturated_ = saturated;
}

}  // namespace netstall
