// Stalls of several connections, flows or workers, put together.
#include "model/report.hpp"

namespace netstall {
namespace {

// Whether nothing was counted: such a StallCount knows of its waits whatever the
// other one does.
bool nothing_in(const StallCount& stalls) {
  return stalls.count == 0 && stalls.waits == 0;
}

bool nothing_in(const Stalls& stalls) {
  return nothing_in(stalls.total) && stalls.by_cause.empty();
}

// What one of them cannot tell, both together cannot.
template <class Key, class Count>
void merge_known(std::map<Key, std::optional<Count>>& into,
                 const std::map<Key, std::optional<Count>>& from) {
  for (const auto& [key, count] : from) {
    const auto [place, fresh] = into.try_emplace(key, count);
    if (fresh) continue;
    if (place->second && count) {
      place->second->merge(*count);
    } else {
      place->second.reset();
    }
  }
}

}  // namespace

void WaitCount::merge(const WaitCount& other) {
  waits += other.waits;
  time_ns += other.time_ns;
}

void StallCount::merge(const StallCount& other) {
  if (nothing_in(*this) && !wait) {
    wait = other.wait;
  } else if (wait && other.wait) {
    wait->merge(*other.wait);
  } else if (!nothing_in(other)) {
    wait.reset();
  }
  count += other.count;
  waits += other.waits;
  time_ns += other.time_ns;
  run_queue_ns += other.run_queue_ns;
  duration.merge(other.duration);
  open_at_start += other.open_at_start;
  open_at_end += other.open_at_end;
}

void Stalls::merge(const Stalls& other) {
  if (nothing_in(other)) return;
  if (nothing_in(*this)) {
    *this = other;
    return;
  }
  total.merge(other.total);
  run_queue_known = run_queue_known && other.run_queue_known;
  merge_known(by_cause, other.by_cause);
  merge_known(by_sub_cause, other.by_sub_cause);
}

}  // namespace netstall
