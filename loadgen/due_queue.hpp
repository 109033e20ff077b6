// Who is due next: one binary heap for all of a worker's paced connections, where
// a timer each would cost a node and a lock each.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace netstall {

// Times in ns. Allocates only in reserve() and when it outgrows that. Not thread-safe.
template <class T>
class DueQueue {
 public:
  void reserve(std::size_t size) { entries_.reserve(size); }
  bool empty() const noexcept { return entries_.empty(); }
  std::int64_t next_due() const noexcept { return entries_.front().due; }

  void push(std::int64_t due, T* what) {
    entries_.push_back({due, what});
    std::push_heap(entries_.begin(), entries_.end(), later);
  }
  T* pop() noexcept {
    std::pop_heap(entries_.begin(), entries_.end(), later);
    T* what = entries_.back().what;
    entries_.pop_back();
    return what;
  }
  void clear() noexcept { entries_.clear(); }

 private:
  struct Entry {
    std::int64_t due;
    T* what;
  };
  static bool later(const Entry& left, const Entry& right) noexcept { return left.due > right.due; }
  std::vector<Entry> entries_;
};

}  // namespace netstall
