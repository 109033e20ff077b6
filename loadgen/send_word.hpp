// One word that says what a sender thread is doing, and settles who accounts for a
// send() that the window's end cuts: the thread when it comes back, or whoever
// looks meanwhile.
#pragma once

#include <atomic>
#include <cstdint>

namespace netstall {

// The thread:  enter(t) → send() → leave(t): true, account for it, then idle();
//                                            false, another has: idle() at once.
// The looker:  sending_since() → look at the thread → still(t), or claim(t) after
//              which leave(t) is false. Both fail once the thread is back, so that
//              what was seen in between belongs to that send().
class SendWord {
 public:
  void enter(std::int64_t began_ns) noexcept {
    word_.store(word_of(began_ns, kSending), std::memory_order_release);
  }
  bool leave(std::int64_t began_ns) noexcept {
    auto expected = word_of(began_ns, kSending);
    return word_.compare_exchange_strong(expected, word_of(began_ns, kLeaving),
                                         std::memory_order_acq_rel);
  }
  void idle() noexcept { word_.store(0, std::memory_order_release); }

  // When the send() in progress began; 0 where there is none.
  std::int64_t sending_since() const noexcept {
    const auto word = word_.load(std::memory_order_acquire);
    return (word & kState) == kSending || (word & kState) == kClaimed
               ? static_cast<std::int64_t>(word >> 2)
               : 0;
  }
  bool still(std::int64_t began_ns) const noexcept {
    std::atomic_thread_fence(std::memory_order_acquire);
    return word_.load(std::memory_order_acquire) == word_of(began_ns, kSending);
  }
  bool claim(std::int64_t began_ns) noexcept {
    auto expected = word_of(began_ns, kSending);
    return word_.compare_exchange_strong(expected, word_of(began_ns, kClaimed),
                                         std::memory_order_acq_rel);
  }
  // Back from a send() that began before `until`, and still accounting for it.
  bool accounting(std::int64_t until) const noexcept {
    const auto word = word_.load(std::memory_order_acquire);
    return (word & kState) == kLeaving && static_cast<std::int64_t>(word >> 2) < until;
  }

 private:
  static constexpr std::uint64_t kState = 3;
  static constexpr std::uint64_t kSending = 1;
  static constexpr std::uint64_t kLeaving = 2;
  static constexpr std::uint64_t kClaimed = 3;
  static std::uint64_t word_of(std::int64_t began_ns, std::uint64_t state) noexcept {
    return (static_cast<std::uint64_t>(began_ns) << 2) | state;
  }
  std::atomic<std::uint64_t> word_ = 0;
};

}  // namespace netstall
